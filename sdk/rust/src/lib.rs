#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

// The macros name this crate.
extern crate self as thalo;

mod aggregate;
// Natively nobody calls the contract's functions, and what generates them takes minutes to compile.
#[cfg(any(target_family = "wasm", feature = "native-contract"))]
#[doc(hidden)]
#[allow(missing_docs, clippy::all)]
pub mod bindings;
#[cfg(any(target_family = "wasm", feature = "native-contract"))]
#[allow(missing_docs)]
mod component;
mod context;
#[doc(hidden)]
pub mod export;
#[cfg(any(target_family = "wasm", all(test, feature = "native-contract")))]
mod log;
mod named;
mod refusal;
mod stream_name;
pub mod testing;

pub use aggregate::{Aggregate, Apply, Command, Event, Handle};
pub use context::{context, Context};
pub use refusal::Refusal;
pub use stream_name::{Category, StreamName, StreamNameError, ID};
pub use thalo_derive::{Command, Event};
// `thalo::tracing::info!` and its like; what they say reaches the runtime's log.
pub use tracing;

/// What the macros name.
#[doc(hidden)]
pub mod __private {
    pub use crate::aggregate::{ApplyEvent, Dispatch};
    pub use crate::refusal::{Failure, IntoFailure};
}

/// The events a command leads to: `Ok(vec![…])`, with every one turned into the aggregate's `Event`.
///
/// ```
/// # use thalo::{events, Aggregate, Apply, Command, Event, Handle};
/// # use serde::{Deserialize, Serialize};
/// # struct Counter;
/// # #[derive(Command, Deserialize)] enum Commands { Touch }
/// # #[derive(Event, Serialize, Deserialize)] enum Events { Touched(Touched) }
/// # #[derive(Serialize, Deserialize)] struct Touched {}
/// # impl Aggregate for Counter { type Command = Commands; type Event = Events; fn init(_: String) -> Self { Counter } }
/// # impl Apply<Touched> for Counter { fn apply(&mut self, _: Touched) {} }
/// # impl Handle<Commands> for Counter {
/// #     type Error = std::convert::Infallible;
/// #     fn handle(&self, _: Commands) -> Result<Vec<Events>, Self::Error> {
/// events![Touched {}, Events::Touched(Touched {})]
/// #     }
/// # }
/// ```
#[macro_export]
macro_rules! events {
    () => { ::std::result::Result::Ok(::std::vec::Vec::new()) };
    ($($event:expr),+ $(,)?) => {
        ::std::result::Result::Ok(::std::vec![
            $(<<Self as $crate::Aggregate>::Event as ::std::convert::From<_>>::from($event)),+
        ])
    };
}

/// Makes an aggregate the one that this crate's module serves. Once in a crate.
///
/// ```text
/// export_aggregate!(Counter);
/// export_aggregate!(Counter, snapshot_format = "counter-1");
/// ```
///
/// With `snapshot_format` the runtime keeps snapshots and need not replay a long stream: the aggregate's whole state is
/// written with `Serialize` and read with `Deserialize`. Give another name whenever the fields change; snapshots of
/// another name are never read. An empty name binds them to this very build of the module.
#[macro_export]
macro_rules! export_aggregate {
    ($aggregate:ty) => {
        $crate::export_aggregate!(@export $aggregate, {});
    };
    ($aggregate:ty, snapshot_format = $format:expr $(,)?) => {
        $crate::export_aggregate!(@export $aggregate, {
            const SNAPSHOT_FORMAT: ::std::option::Option<&'static str> = ::std::option::Option::Some($format);
            fn snapshot(state: &$aggregate) -> ::std::result::Result<::std::string::String, ::std::string::String> {
                $crate::export::to_snapshot(state)
            }
            fn restore(snapshot: &str) -> ::std::result::Result<$aggregate, ::std::string::String> {
                $crate::export::from_snapshot(snapshot)
            }
        });
    };
    (@export $aggregate:ty, { $($snapshots:tt)* }) => {
        const _: () = {
            struct Exported;
            impl $crate::export::Exports for Exported {
                type Aggregate = $aggregate;
                fn handle(
                    state: &$aggregate,
                    command: <$aggregate as $crate::Aggregate>::Command,
                ) -> ::std::result::Result<::std::vec::Vec<<$aggregate as $crate::Aggregate>::Event>, $crate::__private::Failure> {
                    $crate::__private::Dispatch::<$aggregate, _>::dispatch(command, state)
                }
                $($snapshots)*
            }
            #[cfg(target_family = "wasm")]
            type Component = $crate::export::Component<Exported>;
            // Natively there is nobody to export to, and the names are none that every linker takes.
            #[cfg(target_family = "wasm")]
            $crate::bindings::export_component!(Component with_types_in $crate::bindings);
        };
    };
}
