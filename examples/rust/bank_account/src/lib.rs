//! A bank account: opened once, never overdrawn. Money is counted in whole cents.
//!
//! Every command is a struct of its own, with a `Handle` of its own.
use serde::{Deserialize, Serialize};
use thalo::{events, export_aggregate, Aggregate, Apply, Command, Event, Handle};

// A busy account has many events: with a snapshot the runtime need not replay them all.
export_aggregate!(BankAccount, snapshot_format = "bank-account-1");

#[derive(Default, Serialize, Deserialize)]
pub struct BankAccount {
    open: bool,
    owner: String,
    balance_cents: u64,
}

#[derive(Command, Deserialize)]
pub enum BankAccountCommand {
    OpenAccount(OpenAccount),
    DepositFunds(DepositFunds),
    WithdrawFunds(WithdrawFunds),
}
#[derive(Deserialize)]
pub struct OpenAccount {
    pub owner: String,
    pub initial_cents: Option<u64>,
}
#[derive(Deserialize)]
pub struct DepositFunds {
    pub cents: u64,
}
#[derive(Deserialize)]
pub struct WithdrawFunds {
    pub cents: u64,
}

#[derive(Event, Serialize, Deserialize)]
pub enum BankAccountEvent {
    AccountOpened(AccountOpened),
    FundsDeposited(FundsDeposited),
    FundsWithdrawn(FundsWithdrawn),
}
#[derive(Serialize, Deserialize)]
pub struct AccountOpened {
    pub owner: String,
    pub initial_cents: u64,
}
#[derive(Serialize, Deserialize)]
pub struct FundsDeposited {
    pub cents: u64,
}
#[derive(Serialize, Deserialize)]
pub struct FundsWithdrawn {
    pub cents: u64,
}

#[derive(Serialize)]
#[serde(tag = "type")]
pub enum BankAccountError {
    AccountAlreadyOpen {},
    AccountNotOpen {},
    InvalidAmount { cents: u64 },
    InsufficientFunds { balance_cents: u64, cents: u64 },
}
use BankAccountError::*;

type Answer = Result<Vec<BankAccountEvent>, BankAccountError>;

impl Aggregate for BankAccount {
    type Command = BankAccountCommand;
    type Event = BankAccountEvent;

    fn init(_id: String) -> Self {
        BankAccount::default()
    }
}

impl Handle<OpenAccount> for BankAccount {
    type Error = BankAccountError;

    fn handle(&self, command: OpenAccount) -> Answer {
        if self.open {
            return Err(AccountAlreadyOpen {});
        }
        events![AccountOpened { owner: command.owner, initial_cents: command.initial_cents.unwrap_or(0) }]
    }
}

impl Handle<DepositFunds> for BankAccount {
    type Error = BankAccountError;

    fn handle(&self, DepositFunds { cents }: DepositFunds) -> Answer {
        if !self.open {
            return Err(AccountNotOpen {});
        }
        // Nothing, or more than the account can count.
        if cents == 0 || self.balance_cents.checked_add(cents).is_none() {
            return Err(InvalidAmount { cents });
        }
        events![FundsDeposited { cents }]
    }
}

impl Handle<WithdrawFunds> for BankAccount {
    type Error = BankAccountError;

    fn handle(&self, WithdrawFunds { cents }: WithdrawFunds) -> Answer {
        if !self.open {
            return Err(AccountNotOpen {});
        }
        if cents == 0 {
            return Err(InvalidAmount { cents });
        }
        if cents > self.balance_cents {
            return Err(InsufficientFunds { balance_cents: self.balance_cents, cents });
        }
        events![FundsWithdrawn { cents }]
    }
}

impl Apply<AccountOpened> for BankAccount {
    fn apply(&mut self, event: AccountOpened) {
        self.open = true;
        self.owner = event.owner;
        self.balance_cents = event.initial_cents;
    }
}
impl Apply<FundsDeposited> for BankAccount {
    fn apply(&mut self, event: FundsDeposited) {
        self.balance_cents += event.cents;
    }
}
impl Apply<FundsWithdrawn> for BankAccount {
    fn apply(&mut self, event: FundsWithdrawn) {
        self.balance_cents -= event.cents;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thalo::testing::{given, Given};

    fn opened(cents: u64) -> Given<BankAccount> {
        given([AccountOpened { owner: "Ann".into(), initial_cents: cents }.into()])
    }

    #[test]
    fn opens_once() {
        given::<BankAccount>([])
            .when(OpenAccount { owner: "Ann".into(), initial_cents: None })
            .then([AccountOpened { owner: "Ann".into(), initial_cents: 0 }.into()]);
        opened(0)
            .when(OpenAccount { owner: "Bob".into(), initial_cents: None })
            .then_rejected(AccountAlreadyOpen {});
    }

    #[test]
    fn does_nothing_before_it_is_open() {
        given::<BankAccount>([]).when(DepositFunds { cents: 1 }).then_rejected(AccountNotOpen {});
        given::<BankAccount>([]).when(WithdrawFunds { cents: 1 }).then_rejected(AccountNotOpen {});
    }

    #[test]
    fn refuses_amounts_that_are_none() {
        opened(5).when(DepositFunds { cents: 0 }).then_rejected(InvalidAmount { cents: 0 });
        opened(5).when(WithdrawFunds { cents: 0 }).then_rejected(InvalidAmount { cents: 0 });
        opened(5).when(DepositFunds { cents: u64::MAX }).then_rejected(InvalidAmount { cents: u64::MAX });
    }

    #[test]
    fn is_never_overdrawn() {
        let rest = || opened(500).and(FundsWithdrawn { cents: 200 });
        let outcome = rest().when(WithdrawFunds { cents: 300 }).then([FundsWithdrawn { cents: 300 }.into()]);
        assert_eq!(outcome.state().balance_cents, 0);
        rest()
            .when(WithdrawFunds { cents: 301 })
            .then_rejected(InsufficientFunds { balance_cents: 300, cents: 301 });
    }
}
