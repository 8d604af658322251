use serde::de::DeserializeOwned;
use serde::Serialize;

use crate::refusal::Failure;

/// The rules of one kind of entity: what can be asked of it, and what can happen to it.
pub trait Aggregate: Sized + 'static {
    /// What somebody may ask for: an enum with `#[derive(Command, Deserialize)]`.
    type Command: Command;
    /// What can happen: an enum with `#[derive(Event, Serialize, Deserialize)]`. Events are stored, for good.
    type Event: Event + ApplyEvent<Self>;

    /// An entity to which nothing has happened yet.
    fn init(id: String) -> Self;
}

/// Decides what a command leads to. Changes nothing: it takes `&self`, and only events change the state.
///
/// `C` is the command enum, or, where each of its variants holds one struct, every one of these structs.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle the command `{C}`",
    label = "write `impl Handle<{C}> for {Self}`"
)]
pub trait Handle<C>: Aggregate {
    /// Why it refuses: anything that is `Serialize`, or `Infallible`. Clients get it as JSON.
    type Error;

    /// The events the command leads to, maybe none; or why it is refused.
    fn handle(&self, command: C) -> Result<Vec<Self::Event>, Self::Error>;
}

/// Follows an event: changes the state and decides nothing. It runs again for every stored event when the entity is
/// rebuilt, also in newer versions of the code.
///
/// `E` is the struct that a variant of the event enum holds, or the enum itself where a variant has its fields in it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not follow the event `{E}`",
    label = "write `impl Apply<{E}> for {Self}`"
)]
pub trait Apply<E> {
    /// Changes the state.
    fn apply(&mut self, event: E);
}

/// An enum of commands. Derive it.
#[diagnostic::on_unimplemented(message = "`{Self}` is no enum of commands", label = "write `#[derive(Command, Deserialize)]` on it")]
pub trait Command: DeserializeOwned {}

/// An enum of events. Derive it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no enum of events",
    label = "write `#[derive(Event, Serialize, Deserialize)]` on it"
)]
pub trait Event: Serialize + DeserializeOwned {}

/// Gives a command to the `Handle` that takes it. `M` only tells the compiler how each error becomes a refusal.
#[doc(hidden)]
pub trait Dispatch<A: Aggregate, M>: Sized {
    fn dispatch(self, aggregate: &A) -> Result<Vec<A::Event>, Failure>;
}

/// Gives an event to the `Apply` that takes it.
#[doc(hidden)]
pub trait ApplyEvent<A>: Sized {
    fn apply_to(self, aggregate: &mut A);
}
