//! The derive macros of the crate `thalo`.

mod variants;

use proc_macro::TokenStream;
use quote::{format_ident, quote};
use syn::{parse_macro_input, DeriveInput};

use variants::Variants;

/// Makes an enum the commands of an aggregate. A variant is a command of that name.
///
/// Where every variant holds one struct (`Increment(Increment)`), the aggregate has a `Handle` for each of the structs;
/// otherwise (`Increment { amount: u64 }`, `Reset`) one `Handle` for the enum.
#[proc_macro_derive(Command)]
pub fn derive_command(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    Variants::of(&input, "command").map_or_else(|error| error.into_compile_error(), |v| command(&v)).into()
}

/// Makes an enum the events of an aggregate. A variant is an event of that type.
///
/// Where every variant holds one struct (`Incremented(Incremented)`), the aggregate has an `Apply` for each of the
/// structs; otherwise (`Incremented { amount: u64 }`, `WasReset`) one `Apply` for the enum.
#[proc_macro_derive(Event)]
pub fn derive_event(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    Variants::of(&input, "event").map_or_else(|error| error.into_compile_error(), |v| event(&v)).into()
}

fn command(variants: &Variants) -> proc_macro2::TokenStream {
    let name = &variants.name;
    let (types, patterns) = variants.handled();
    let markers: Vec<_> = (0..types.len()).map(|index| format_ident!("M{index}")).collect();
    let from = variants.conversions();
    quote! {
        #[automatically_derived]
        impl ::thalo::Command for #name {}

        #[automatically_derived]
        impl<A, #(#markers),*> ::thalo::__private::Dispatch<A, (#(#markers,)*)> for #name
        where
            A: ::thalo::Aggregate,
            #(A: ::thalo::Handle<#types>, <A as ::thalo::Handle<#types>>::Error: ::thalo::__private::IntoFailure<#markers>,)*
        {
            fn dispatch(
                self,
                aggregate: &A,
            ) -> ::std::result::Result<::std::vec::Vec<<A as ::thalo::Aggregate>::Event>, ::thalo::__private::Failure> {
                match self {
                    #(#patterns => <A as ::thalo::Handle<#types>>::handle(aggregate, it)
                        .map_err(::thalo::__private::IntoFailure::<#markers>::into_failure),)*
                }
            }
        }
        #from
    }
}

fn event(variants: &Variants) -> proc_macro2::TokenStream {
    let name = &variants.name;
    let (types, patterns) = variants.handled();
    let from = variants.conversions();
    quote! {
        #[automatically_derived]
        impl ::thalo::Event for #name {}

        #[automatically_derived]
        impl<A> ::thalo::__private::ApplyEvent<A> for #name
        where
            #(A: ::thalo::Apply<#types>,)*
        {
            fn apply_to(self, aggregate: &mut A) {
                match self {
                    #(#patterns => <A as ::thalo::Apply<#types>>::apply(aggregate, it),)*
                }
            }
        }
        #from
    }
}
