//! The contract's functions over an aggregate, natively: what the runtime calls.
#![cfg(feature = "native-contract")]

use serde::{Deserialize, Serialize};
use thalo::bindings::exports::thalo::aggregate::aggregate::{
    Command as WitCommand, Context, Error, Event as WitEvent, Guest, GuestEntity,
};
use thalo::export::{from_snapshot, to_snapshot, Component, Exports};
use thalo::{events, Aggregate, Apply, Command, Event, Handle};

#[derive(Serialize, Deserialize)]
struct Counter {
    id: String,
    count: u64,
}
#[derive(Command, Deserialize)]
enum CounterCommand {
    Increment { amount: u64 },
    Refuse { unwritable: bool },
}
#[derive(Event, Serialize, Deserialize)]
enum CounterEvent {
    Incremented(Incremented),
}
#[derive(Serialize, Deserialize)]
struct Incremented {
    amount: u64,
}
#[derive(Serialize)]
#[serde(tag = "type")]
enum CounterError {
    Refused { count: u64 },
    #[serde(serialize_with = "fail")]
    Unwritable,
}
fn fail<S: serde::Serializer>(_: S) -> Result<S::Ok, S::Error> {
    Err(serde::ser::Error::custom("not for the wire"))
}
impl Aggregate for Counter {
    type Command = CounterCommand;
    type Event = CounterEvent;
    fn init(id: String) -> Self {
        Counter { id, count: 0 }
    }
}
impl Handle<CounterCommand> for Counter {
    type Error = CounterError;
    fn handle(&self, command: CounterCommand) -> Result<Vec<CounterEvent>, CounterError> {
        match command {
            CounterCommand::Increment { amount } => events![Incremented { amount }],
            CounterCommand::Refuse { unwritable: true } => Err(CounterError::Unwritable),
            CounterCommand::Refuse { .. } => Err(CounterError::Refused { count: self.count }),
        }
    }
}
impl Apply<Incremented> for Counter {
    fn apply(&mut self, event: Incremented) {
        self.count += event.amount;
    }
}

struct Exported;
impl Exports for Exported {
    type Aggregate = Counter;
    const SNAPSHOT_FORMAT: Option<&'static str> = Some("counter-1");
    fn handle(state: &Counter, command: CounterCommand) -> Result<Vec<CounterEvent>, thalo::__private::Failure> {
        thalo::__private::Dispatch::<Counter, _>::dispatch(command, state)
    }
    fn snapshot(state: &Counter) -> Result<String, String> {
        to_snapshot(state)
    }
    fn restore(snapshot: &str) -> Result<Counter, String> {
        from_snapshot(snapshot)
    }
}
type Entity = <Component<Exported> as Guest>::Entity;

fn command(name: &str, payload: &str) -> WitCommand {
    let context = Context {
        command_id: String::new(),
        time_ms: 0,
        version: 0,
        correlation_id: String::new(),
        causation_id: String::new(),
        metadata: String::new(),
    };
    WitCommand { command: name.into(), payload: payload.into(), context }
}
fn event(name: &str, payload: &str) -> WitEvent {
    WitEvent { event: name.into(), payload: payload.into() }
}

#[test]
fn a_command_leads_to_named_events() {
    let entity = Entity::new("one".into());
    let events = entity.handle(command("Increment", r#"{"amount":5}"#)).unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].event.as_str(), events[0].payload.as_str()), ("Incremented", r#"{"amount":5}"#));
}

#[test]
fn every_failure_has_its_own_error() {
    let entity = Entity::new("one".into());
    entity.apply(vec![event("Incremented", r#"{"amount":5}"#)]).unwrap();
    match entity.handle(command("Refuse", r#"{"unwritable":false}"#)).unwrap_err() {
        Error::Command((name, json)) => assert_eq!((name.as_str(), json.as_str()), ("Refused", r#"{"type":"Refused","count":5}"#)),
        other => panic!("{other:?}"),
    }
    assert!(matches!(entity.handle(command("Fly", "{}")), Err(Error::DeserializeCommand((name, _))) if name == "Fly"));
    assert!(matches!(entity.handle(command("Increment", "")), Err(Error::DeserializeCommand(_))));
    assert!(matches!(
        entity.handle(command("Refuse", r#"{"unwritable":true}"#)),
        Err(Error::SerializeError((_, reason))) if reason.contains("not for the wire")
    ));
    assert!(matches!(entity.apply(vec![event("Flown", "{}")]), Err(Error::DeserializeEvent((name, _))) if name == "Flown"));
    assert!(matches!(
        entity.apply(vec![event("Incremented", r#"{"amount":"5"}"#)]),
        Err(Error::DeserializeEvent((_, reason))) if reason.contains("amount")
    ));
}

#[test]
fn a_snapshot_moves_the_state() {
    assert_eq!(Component::<Exported>::snapshot_format().as_deref(), Some("counter-1"));
    let entity = Entity::new("one".into());
    entity.apply(vec![event("Incremented", r#"{"amount":18446744073709551615}"#)]).unwrap();
    let snapshot = entity.snapshot().unwrap();
    assert_eq!(snapshot, r#"{"id":"one","count":18446744073709551615}"#);
    let other = Entity::new("one".into());
    other.restore(snapshot.clone()).unwrap();
    assert_eq!(other.snapshot().unwrap(), snapshot);
    assert!(other.restore(r#"{"id":"one"}"#.into()).unwrap_err().contains("count"));
    assert_eq!(other.snapshot().unwrap(), snapshot, "a snapshot that cannot be read changes nothing");
}
