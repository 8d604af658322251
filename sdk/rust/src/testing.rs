//! Tests an aggregate natively: no runtime, no WebAssembly. Everything goes through JSON as it does in the runtime. What
//! nothing is expected of fails: a `given` without a `when`, a `when` without one of the `then` or `state`.
//!
//! ```
//! # use thalo::{events, Aggregate, Apply, Command, Event, Handle};
//! # use serde::{Deserialize, Serialize};
//! # struct Account { balance: u64 }
//! # #[derive(Command, Deserialize)] enum AccountCommand { Withdraw { cents: u64 } }
//! # #[derive(Event, Serialize, Deserialize)] enum AccountEvent { Deposited(Deposited), Withdrawn(Withdrawn) }
//! # #[derive(Serialize, Deserialize)] struct Deposited { cents: u64 }
//! # #[derive(Serialize, Deserialize)] struct Withdrawn { cents: u64 }
//! # #[derive(Serialize)] struct InsufficientFunds { balance: u64 }
//! # impl Aggregate for Account {
//! #     type Command = AccountCommand; type Event = AccountEvent;
//! #     fn init(_: String) -> Self { Account { balance: 0 } }
//! # }
//! # impl Handle<AccountCommand> for Account {
//! #     type Error = InsufficientFunds;
//! #     fn handle(&self, command: AccountCommand) -> Result<Vec<AccountEvent>, Self::Error> {
//! #         let AccountCommand::Withdraw { cents } = command;
//! #         if cents > self.balance { return Err(InsufficientFunds { balance: self.balance }); }
//! #         events![Withdrawn { cents }]
//! #     }
//! # }
//! # impl Apply<Deposited> for Account { fn apply(&mut self, event: Deposited) { self.balance += event.cents; } }
//! # impl Apply<Withdrawn> for Account { fn apply(&mut self, event: Withdrawn) { self.balance -= event.cents; } }
//! use thalo::testing::given;
//!
//! let outcome = given::<Account>([Deposited { cents: 500 }.into()])
//!     .when(AccountCommand::Withdraw { cents: 200 })
//!     .then([Withdrawn { cents: 200 }.into()]);
//! assert_eq!(outcome.state().balance, 300);
//!
//! given::<Account>([])
//!     .when(AccountCommand::Withdraw { cents: 1 })
//!     .then_rejected(InsufficientFunds { balance: 0 });
//! ```

use std::cell::Cell;
use std::fmt::Write;
use std::marker::PhantomData;
use std::panic::Location;

use serde::Serialize;

use crate::aggregate::{Aggregate, ApplyEvent, Dispatch};
use crate::context::{with_context, Context};
use crate::named::{from_named, to_named};
use crate::refusal::{refusal_of, Failure, Refusal};

/// An aggregate to which `events` have happened. `given::<Counter>([])` is a new one.
#[must_use = "where is the `when`?"]
#[track_caller]
pub fn given<A: Aggregate>(events: impl IntoIterator<Item = A::Event>) -> Given<A> {
    let events = events.into_iter().map(|event| on_the_wire(&event)).collect();
    let to_be_used = ToBeUsed::new("nothing is done with this `given`: where is the `when`?");
    Given { id: "test".to_owned(), events, context: Context::default(), aggregate: PhantomData, to_be_used }
}

/// Fails the test that drops it unused.
struct ToBeUsed {
    complaint: &'static str,
    place: &'static Location<'static>,
    used: Cell<bool>,
}

impl ToBeUsed {
    #[track_caller]
    fn new(complaint: &'static str) -> Self {
        ToBeUsed { complaint, place: Location::caller(), used: Cell::new(false) }
    }
}

impl Drop for ToBeUsed {
    fn drop(&mut self) {
        if !self.used.get() && !std::thread::panicking() {
            panic!("{}: {}", self.place, self.complaint);
        }
    }
}

/// What has happened, and what surrounds the command to come.
pub struct Given<A: Aggregate> {
    id: String,
    events: Vec<(String, String)>,
    context: Context,
    aggregate: PhantomData<A>,
    to_be_used: ToBeUsed,
}

/// What a command has led to.
pub struct Outcome<A: Aggregate> {
    state: A,
    answer: Answer,
    to_be_used: ToBeUsed,
}

enum Answer {
    Events(Vec<(String, String)>),
    Rejected(Refusal),
    Invalid(String),
}

impl<A: Aggregate> Given<A> {
    /// One event more.
    #[track_caller]
    pub fn and(mut self, event: impl Into<A::Event>) -> Self {
        self.events.push(on_the_wire(&event.into()));
        self
    }
    /// The entity's id; otherwise `test`.
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = id.into();
        self
    }
    /// When the runtime receives the command, in milliseconds since the Unix epoch; otherwise 0.
    pub fn at(mut self, time_ms: u64) -> Self {
        self.context.time_ms = time_ms;
        self
    }
    /// What the command sees as [`context`](crate::context); its `version` is the number of the events given.
    pub fn with_context(mut self, context: Context) -> Self {
        self.context = context;
        self
    }

    /// Handles a command and applies the events it leads to.
    #[must_use = "where is the `then`?"]
    #[track_caller]
    pub fn when<M>(self, command: impl Into<A::Command>) -> Outcome<A>
    where
        A::Command: Dispatch<A, M>,
    {
        let state = self.replay();
        self.handle(state, command.into())
    }

    /// The same with a command as a client sends it: its name and its payload in JSON.
    #[must_use = "where is the `then`?"]
    #[track_caller]
    pub fn when_json<M>(self, name: &str, payload: &str) -> Outcome<A>
    where
        A::Command: Dispatch<A, M>,
    {
        let state = self.replay();
        match from_named(name, payload) {
            Ok(command) => self.handle(state, command),
            Err(error) => Outcome::new(state, Answer::Invalid(error.to_string())),
        }
    }

    #[track_caller]
    fn replay(&self) -> A {
        self.to_be_used.used.set(true);
        let mut state = A::init(self.id.clone());
        for event in &self.events {
            apply(&mut state, event);
        }
        state
    }

    #[track_caller]
    fn handle<M>(self, mut state: A, command: A::Command) -> Outcome<A>
    where
        A::Command: Dispatch<A, M>,
    {
        let context = Context { version: self.events.len() as u64, ..self.context };
        let answer = match with_context(context, || command.dispatch(&state)) {
            Ok(events) => {
                let events: Vec<_> = events.iter().map(|event| on_the_wire(event)).collect();
                for event in &events {
                    apply(&mut state, event);
                }
                Answer::Events(events)
            }
            Err(Failure::Refused(refusal)) => Answer::Rejected(refusal),
            Err(Failure::Unwritable(reason)) => panic!("the error cannot be written as JSON: {reason}"),
        };
        Outcome::new(state, answer)
    }
}

impl<A: Aggregate> Outcome<A> {
    #[track_caller]
    fn new(state: A, answer: Answer) -> Self {
        Outcome { state, answer, to_be_used: ToBeUsed::new("nothing is expected of this `when`: where is the `then`?") }
    }

    fn answer(&self) -> &Answer {
        self.to_be_used.used.set(true);
        &self.answer
    }

    /// Exactly these events.
    #[track_caller]
    pub fn then(self, events: impl IntoIterator<Item = A::Event>) -> Self {
        let expected: Vec<_> = events.into_iter().map(|event| on_the_wire(&event)).collect();
        match self.answer() {
            Answer::Events(events) if *events == expected => self,
            other => panic!("expected {}, got {}", told(&expected), other.told()),
        }
    }

    /// No event: there was nothing to do, and that is no error.
    #[track_caller]
    pub fn then_nothing(self) -> Self {
        self.then([])
    }

    /// Refused with exactly this error.
    #[track_caller]
    pub fn then_rejected(self, error: impl Serialize) -> Self {
        let expected = refusal_of(&error).unwrap_or_else(|error| panic!("the error cannot be written as JSON: {error}"));
        match self.answer() {
            Answer::Rejected(refusal) if *refusal == expected => self,
            other => panic!("expected the refusal {} {}, got {}", expected.name, expected.json, other.told()),
        }
    }

    /// Not understood: an unknown command or a payload that is none, with `part` in what is said about it.
    #[track_caller]
    pub fn then_invalid(self, part: &str) -> Self {
        match self.answer() {
            Answer::Invalid(reason) if reason.contains(part) => self,
            other => panic!("expected a command that cannot be read ({part}), got {}", other.told()),
        }
    }

    /// The aggregate after the new events.
    pub fn state(&self) -> &A {
        self.to_be_used.used.set(true);
        &self.state
    }
}

impl Answer {
    fn told(&self) -> String {
        match self {
            Answer::Events(events) => told(events),
            Answer::Rejected(Refusal { name, json }) => format!("the refusal {name} {json}"),
            Answer::Invalid(reason) => format!("a command that cannot be read: {reason}"),
        }
    }
}

fn told(events: &[(String, String)]) -> String {
    let mut text = match events.len() {
        0 => return "no event".to_owned(),
        1 => "the event".to_owned(),
        _ => "the events".to_owned(),
    };
    for (name, payload) in events {
        // Writing to a string does not fail.
        let _ = write!(text, " {name} {payload}");
    }
    text
}

#[track_caller]
fn on_the_wire<E: Serialize>(event: &E) -> (String, String) {
    let (name, payload) = to_named(event).unwrap_or_else(|error| panic!("an event cannot be written as JSON: {error}"));
    (name.to_owned(), payload)
}

#[track_caller]
fn apply<A: Aggregate>(state: &mut A, (name, payload): &(String, String)) {
    let event: A::Event =
        from_named(name, payload).unwrap_or_else(|error| panic!("the event {name} {payload} cannot be read back: {error}"));
    event.apply_to(state);
}
