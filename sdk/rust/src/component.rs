//! The contract's functions over an aggregate.

use std::cell::RefCell;
use std::marker::PhantomData;

use serde::Serialize;

use crate::aggregate::{Aggregate, ApplyEvent};
use crate::bindings::exports::thalo::aggregate::aggregate as wit;
use crate::context::{with_context, Context};
use crate::export::Exports;
use crate::named::{from_named, to_named};
use crate::refusal::{Failure, Refusal};

pub struct Component<X>(PhantomData<X>);

impl<X: Exports> wit::Guest for Component<X> {
    type Entity = Entity<X>;
    fn snapshot_format() -> Option<String> {
        X::SNAPSHOT_FORMAT.map(str::to_owned)
    }
}

pub struct Entity<X: Exports>(RefCell<X::Aggregate>);

impl<X: Exports> wit::GuestEntity for Entity<X> {
    fn new(id: String) -> Self {
        // Natively a test sets up what it wants to see.
        #[cfg(target_family = "wasm")]
        crate::log::install();
        Entity(RefCell::new(X::Aggregate::init(id)))
    }

    fn apply(&self, events: Vec<wit::Event>) -> Result<(), wit::Error> {
        let mut aggregate = self.0.borrow_mut();
        for wit::Event { event: name, payload } in events {
            match from_named::<<X::Aggregate as Aggregate>::Event>(&name, &payload) {
                Ok(event) => event.apply_to(&mut aggregate),
                Err(error) => return Err(wit::Error::DeserializeEvent((name, error.to_string()))),
            }
        }
        Ok(())
    }

    fn handle(&self, command: wit::Command) -> Result<Vec<wit::Event>, wit::Error> {
        let wit::Command { command: name, payload, context } = command;
        let command = match from_named(&name, &payload) {
            Ok(command) => command,
            Err(error) => return Err(wit::Error::DeserializeCommand((name, error.to_string()))),
        };
        let answer = with_context(context.into(), || X::handle(&self.0.borrow(), command));
        match answer {
            Ok(events) => events.iter().map(to_wit).collect(),
            Err(Failure::Refused(Refusal { name, json })) => Err(wit::Error::Command((name, json))),
            Err(Failure::Unwritable(reason)) => Err(wit::Error::SerializeError((name, reason))),
        }
    }

    fn snapshot(&self) -> Result<String, String> {
        X::snapshot(&self.0.borrow())
    }

    fn restore(&self, snapshot: String) -> Result<(), String> {
        *self.0.borrow_mut() = X::restore(&snapshot)?;
        Ok(())
    }
}

fn to_wit<E: Serialize>(event: &E) -> Result<wit::Event, wit::Error> {
    let (name, payload) = to_named(event).map_err(|error| wit::Error::SerializeEvent(error.to_string()))?;
    Ok(wit::Event { event: name.to_owned(), payload })
}

impl From<wit::Context> for Context {
    fn from(context: wit::Context) -> Self {
        Context {
            command_id: context.command_id,
            time_ms: context.time_ms,
            version: context.version,
            correlation_id: context.correlation_id,
            causation_id: context.causation_id,
            metadata: context.metadata,
        }
    }
}
