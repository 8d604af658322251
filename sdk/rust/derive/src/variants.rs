//! What the macros need to know of an enum, and the refusals in words of the one who wrote it.

use proc_macro2::TokenStream;
use quote::{quote, ToTokens};
use syn::spanned::Spanned;
use syn::{parse_quote, Data, DeriveInput, Error, Fields, Ident, Result, Type};

pub struct Variants {
    pub name: Ident,
    idents: Vec<Ident>,
    /// The struct in each variant, where every variant holds one.
    structs: Option<Vec<Type>>,
}

impl Variants {
    pub fn of(input: &DeriveInput, what: &str) -> Result<Self> {
        let Data::Enum(data) = &input.data else {
            return Err(Error::new(input.ident.span(), format!("{what}s are an enum: one variant for each {what}")));
        };
        if !input.generics.params.is_empty() {
            let text = format!("an enum of {what}s has no type parameters and no lifetimes: its values are stored and sent");
            return Err(Error::new(input.generics.span(), text));
        }
        if data.variants.is_empty() {
            return Err(Error::new(input.ident.span(), format!("there is no {what} in this enum")));
        }
        refuse_other_tags(input, what)?;
        let mut structs = Vec::new();
        for variant in &data.variants {
            match &variant.fields {
                Fields::Unnamed(fields) if fields.unnamed.len() == 1 => structs.push(fields.unnamed[0].ty.clone()),
                Fields::Unnamed(fields) => {
                    let text = format!("a {what} holds one struct, or has fields with names");
                    return Err(Error::new(fields.span(), text));
                }
                Fields::Named(_) | Fields::Unit => {}
            }
        }
        let idents: Vec<_> = data.variants.iter().map(|variant| variant.ident.clone()).collect();
        let structs = (structs.len() == idents.len()).then_some(structs);
        Ok(Variants { name: input.ident.clone(), idents, structs })
    }

    /// The types that the aggregate takes, each with the pattern that takes `it` out of the enum.
    pub fn handled(&self) -> (Vec<Type>, Vec<TokenStream>) {
        let name = &self.name;
        match &self.structs {
            Some(structs) => (structs.clone(), self.idents.iter().map(|variant| quote!(#name::#variant(it))).collect()),
            None => (vec![parse_quote!(#name)], vec![quote!(it)]),
        }
    }

    /// `From` for each struct that is in one variant only.
    pub fn conversions(&self) -> TokenStream {
        let Some(structs) = &self.structs else { return TokenStream::new() };
        let texts: Vec<_> = structs.iter().map(|one| one.to_token_stream().to_string()).collect();
        let name = &self.name;
        self.idents
            .iter()
            .zip(structs)
            .zip(&texts)
            .filter(|(_, text)| texts.iter().filter(|other| other == text).count() == 1)
            .map(|((variant, one), _)| {
                quote! {
                    #[automatically_derived]
                    impl ::std::convert::From<#one> for #name {
                        fn from(value: #one) -> Self {
                            #name::#variant(value)
                        }
                    }
                }
            })
            .collect()
    }
}

/// The name travels beside the payload, so it cannot be a field in it.
fn refuse_other_tags(input: &DeriveInput, what: &str) -> Result<()> {
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        let mut found = None;
        // Serde itself says what is wrong with an attribute that cannot be read.
        let _ = attribute.parse_nested_meta(|meta| {
            if ["tag", "content", "untagged"].iter().any(|other| meta.path.is_ident(other)) {
                found = Some(meta.path.span());
            }
            if meta.input.peek(syn::Token![=]) {
                meta.value()?.parse::<syn::Expr>()?;
            } else if meta.input.peek(syn::token::Paren) {
                let content;
                syn::parenthesized!(content in meta.input);
                content.parse::<TokenStream>()?;
            }
            Ok(())
        });
        if let Some(span) = found {
            return Err(Error::new(span, format!("the variant's name is the {what}'s: leave out `tag`, `content` and `untagged`")));
        }
    }
    Ok(())
}
