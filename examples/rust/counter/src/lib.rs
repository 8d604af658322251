//! A counter that can be incremented, decremented down to zero, and reset.
use serde::{Deserialize, Serialize};
use thalo::{events, export_aggregate, Aggregate, Apply, Command, Event, Handle};

export_aggregate!(Counter);

pub struct Counter {
    count: u64,
}

/// What somebody asks for.
#[derive(Command, Deserialize)]
pub enum CounterCommand {
    Increment { amount: u64 },
    Decrement { amount: u64 },
    Reset,
}

/// What has happened. It is stored, for good.
#[derive(Event, Serialize, Deserialize)]
pub enum CounterEvent {
    Incremented(Incremented),
    Decremented(Decremented),
    WasReset(WasReset),
}
#[derive(Serialize, Deserialize)]
pub struct Incremented {
    pub amount: u64,
}
#[derive(Serialize, Deserialize)]
pub struct Decremented {
    pub amount: u64,
}
#[derive(Serialize, Deserialize)]
pub struct WasReset {
    pub from: u64,
}

/// Why the counter refuses.
#[derive(Serialize)]
#[serde(tag = "type")]
pub enum CounterError {
    BelowZero { count: u64, amount: u64 },
    Overflow { count: u64, amount: u64 },
}

impl Aggregate for Counter {
    type Command = CounterCommand;
    type Event = CounterEvent;

    fn init(_id: String) -> Self {
        Counter { count: 0 }
    }
}

impl Handle<CounterCommand> for Counter {
    type Error = CounterError;

    fn handle(&self, command: CounterCommand) -> Result<Vec<CounterEvent>, CounterError> {
        let count = self.count;
        match command {
            CounterCommand::Increment { amount } if count.checked_add(amount).is_none() => {
                Err(CounterError::Overflow { count, amount })
            }
            CounterCommand::Increment { amount } => events![Incremented { amount }],
            CounterCommand::Decrement { amount } if amount > count => Err(CounterError::BelowZero { count, amount }),
            CounterCommand::Decrement { amount } => events![Decremented { amount }],
            // A counter that stands at zero has nothing to reset: no event.
            CounterCommand::Reset if count == 0 => events![],
            CounterCommand::Reset => events![WasReset { from: count }],
        }
    }
}

impl Apply<Incremented> for Counter {
    fn apply(&mut self, event: Incremented) {
        self.count += event.amount;
    }
}
impl Apply<Decremented> for Counter {
    fn apply(&mut self, event: Decremented) {
        self.count -= event.amount;
    }
}
impl Apply<WasReset> for Counter {
    fn apply(&mut self, _: WasReset) {
        self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thalo::testing::given;

    #[test]
    fn counts_up_and_down() {
        let outcome = given::<Counter>([Incremented { amount: 5 }.into(), Decremented { amount: 2 }.into()])
            .when(CounterCommand::Increment { amount: 10 })
            .then([Incremented { amount: 10 }.into()]);
        assert_eq!(outcome.state().count, 13);
    }

    #[test]
    fn goes_down_to_zero_but_not_below() {
        let five = || given::<Counter>([Incremented { amount: 5 }.into()]);
        five().when(CounterCommand::Decrement { amount: 5 }).then([Decremented { amount: 5 }.into()]);
        five()
            .when(CounterCommand::Decrement { amount: 6 })
            .then_rejected(CounterError::BelowZero { count: 5, amount: 6 });
    }

    #[test]
    fn refuses_what_it_cannot_count() {
        given::<Counter>([Incremented { amount: u64::MAX }.into()])
            .when(CounterCommand::Increment { amount: 1 })
            .then_rejected(CounterError::Overflow { count: u64::MAX, amount: 1 });
    }

    #[test]
    fn reset_tells_where_it_stood_and_is_nothing_at_zero() {
        given::<Counter>([Incremented { amount: 5 }.into()])
            .when(CounterCommand::Reset)
            .then([WasReset { from: 5 }.into()]);
        given::<Counter>([]).when(CounterCommand::Reset).then_nothing();
    }
}
