//! The two calls of every command, with the types of `wit/` known at compile time: nothing is built, compared or freed per
//! value, as it is when the C API calls with dynamic values.
use wasmtime::component::{ComponentNamedList, ComponentType, Func, Lift, Lower, ResourceAny, TypedFunc};
use wasmtime::{AsContextMut, Result};

/// An event that is applied.
#[derive(ComponentType, Lower, Clone, Copy)]
#[component(record)]
pub struct Event<'a> {
    pub event: &'a str,
    pub payload: &'a str,
}

#[derive(ComponentType, Lower, Clone, Copy)]
#[component(record)]
pub struct PlainCommand<'a> {
    pub command: &'a str,
    pub payload: &'a str,
}

#[derive(ComponentType, Lower, Clone, Copy)]
#[component(record)]
pub struct Context<'a> {
    #[component(name = "command-id")]
    pub command_id: &'a str,
    #[component(name = "time-ms")]
    pub time_ms: u64,
    pub version: u64,
    #[component(name = "correlation-id")]
    pub correlation_id: &'a str,
    #[component(name = "causation-id")]
    pub causation_id: &'a str,
    pub metadata: &'a str,
}

#[derive(ComponentType, Lower, Clone, Copy)]
#[component(record)]
pub struct Command<'a> {
    pub command: &'a str,
    pub payload: &'a str,
    pub context: Context<'a>,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub struct NewEvent {
    pub event: String,
    pub payload: String,
}

#[derive(ComponentType, Lift)]
#[component(variant)]
pub enum GuestError {
    #[component(name = "command")]
    Command((String, String)),
    #[component(name = "deserialize-command")]
    DeserializeCommand((String, String)),
    #[component(name = "deserialize-context")]
    DeserializeContext(String),
    #[component(name = "deserialize-event")]
    DeserializeEvent((String, String)),
    #[component(name = "serialize-error")]
    SerializeError((String, String)),
    #[component(name = "serialize-event")]
    SerializeEvent(String),
}

type ApplyFunction<'a> = (ResourceAny, &'a [Event<'a>]);
type ApplyAnswer = (std::result::Result<(), GuestError>,);
type HandleAnswer = (std::result::Result<Vec<NewEvent>, GuestError>,);

/// The functions of one instance whose types have been checked.
pub struct Guest {
    apply: Func,
    handle: Func,
}

impl Guest {
    /// Fails when a function is of another type. `has_context`: the command carries its context (world 1.x).
    pub fn new(mut store: impl AsContextMut, apply: Func, handle: Func, has_context: bool) -> Result<Guest> {
        apply.typed::<ApplyFunction, ApplyAnswer>(store.as_context_mut())?;
        if has_context {
            handle.typed::<(ResourceAny, Command), HandleAnswer>(store.as_context_mut())?;
        } else {
            handle.typed::<(ResourceAny, PlainCommand), HandleAnswer>(store.as_context_mut())?;
        }
        Ok(Guest { apply, handle })
    }

    pub fn apply(
        &self,
        store: impl AsContextMut,
        entity: ResourceAny,
        events: &[Event],
    ) -> Result<std::result::Result<(), GuestError>> {
        // Safety: `new` has checked this type.
        unsafe { call::<_, ApplyAnswer>(self.apply, store, (entity, events)) }.map(|answer| answer.0)
    }

    /// Safety: `new` was told that the command has a context.
    pub unsafe fn handle(
        &self,
        store: impl AsContextMut,
        entity: ResourceAny,
        command: Command,
    ) -> Result<std::result::Result<Vec<NewEvent>, GuestError>> {
        unsafe { call::<_, HandleAnswer>(self.handle, store, (entity, command)) }.map(|answer| answer.0)
    }

    /// Safety: `new` was told that the command has no context.
    pub unsafe fn handle_plain(
        &self,
        store: impl AsContextMut,
        entity: ResourceAny,
        command: PlainCommand,
    ) -> Result<std::result::Result<Vec<NewEvent>, GuestError>> {
        unsafe { call::<_, HandleAnswer>(self.handle, store, (entity, command)) }.map(|answer| answer.0)
    }
}

/// Safety: the type of `function` has been checked.
unsafe fn call<Parameters, Answer>(function: Func, store: impl AsContextMut, parameters: Parameters) -> Result<Answer>
where
    Parameters: ComponentNamedList + Lower,
    Answer: ComponentNamedList + Lift,
{
    unsafe { TypedFunc::<Parameters, Answer>::new_unchecked(function) }.call(store, parameters)
}
