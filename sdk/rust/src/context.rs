use std::cell::RefCell;

/// What surrounds the command that is being handled.
///
/// What of it matters later belongs into an event: the state must follow from the events alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// The client's id of the command, or empty.
    pub command_id: String,
    /// When the runtime received the command, in milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// How many events the entity has.
    pub version: u64,
    /// What started all of this, or empty.
    pub correlation_id: String,
    /// What led to this command, or empty.
    pub causation_id: String,
    /// The client's own metadata: a JSON object, or empty.
    pub metadata: String,
}

thread_local! {
    static CURRENT: RefCell<Option<Context>> = const { RefCell::new(None) };
}

/// The context of the command that is being handled.
///
/// ```
/// # use thalo::{context, events, Aggregate, Apply, Command, Event, Handle};
/// # use serde::{Deserialize, Serialize};
/// # struct Door;
/// # #[derive(Command, Deserialize)] enum DoorCommand { Open }
/// # #[derive(Event, Serialize, Deserialize)] enum DoorEvent { Opened(Opened) }
/// # #[derive(Serialize, Deserialize)] struct Opened { at_ms: u64 }
/// # impl Aggregate for Door { type Command = DoorCommand; type Event = DoorEvent; fn init(_: String) -> Self { Door } }
/// # impl Apply<Opened> for Door { fn apply(&mut self, _: Opened) {} }
/// impl Handle<DoorCommand> for Door {
///     type Error = std::convert::Infallible;
///     fn handle(&self, _: DoorCommand) -> Result<Vec<DoorEvent>, Self::Error> {
///         events![Opened { at_ms: context().time_ms }]
///     }
/// }
/// ```
///
/// # Panics
/// Outside of `handle`: in `apply` there is no command, and the state must not depend on one.
pub fn context() -> Context {
    CURRENT
        .with_borrow(Clone::clone)
        .expect("thalo::context() is for `handle`; put what `apply` needs into the event")
}

/// Runs `body` with `context` as the current one.
pub(crate) fn with_context<T>(context: Context, body: impl FnOnce() -> T) -> T {
    struct Restore(Option<Context>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.set(self.0.take());
        }
    }
    let _restore = Restore(CURRENT.replace(Some(context)));
    body()
}
