"""A bank account: opened once, never overdrawn. Money is counted in whole cents."""

from dataclasses import dataclass

from thalo import Aggregate, Rejection, UInt64

MOST = 2**64 - 1


# Commands.


@dataclass(frozen=True)
class OpenAccount:
    owner: str
    initial_cents: UInt64 | None = None


@dataclass(frozen=True)
class DepositFunds:
    cents: UInt64


@dataclass(frozen=True)
class WithdrawFunds:
    cents: UInt64


# Events.


@dataclass(frozen=True)
class AccountOpened:
    owner: str
    initial_cents: UInt64


@dataclass(frozen=True)
class FundsDeposited:
    cents: UInt64


@dataclass(frozen=True)
class FundsWithdrawn:
    cents: UInt64


# Errors.


@dataclass
class AccountAlreadyOpen(Rejection):
    pass


@dataclass
class AccountNotOpen(Rejection):
    pass


@dataclass
class InvalidAmount(Rejection):
    cents: UInt64


@dataclass
class InsufficientFunds(Rejection):
    balance_cents: UInt64
    cents: UInt64


@dataclass
class BankAccount(Aggregate):
    Command = OpenAccount | DepositFunds | WithdrawFunds
    Event = AccountOpened | FundsDeposited | FundsWithdrawn
    # A busy account has many events: with a snapshot the runtime need not replay them all.
    snapshot_format = "bank-account-1"

    open: bool = False
    owner: str = ""
    balance_cents: UInt64 = 0

    def handle(self, command: Command) -> Event:
        match command:
            case OpenAccount(owner, initial_cents):
                if self.open:
                    raise AccountAlreadyOpen
                return AccountOpened(owner, initial_cents or 0)
            case DepositFunds(cents):
                self._check_open()
                # Nothing, or more than the account can count.
                if cents == 0 or cents > MOST - self.balance_cents:
                    raise InvalidAmount(cents)
                return FundsDeposited(cents)
            case WithdrawFunds(cents):
                self._check_open()
                if cents == 0:
                    raise InvalidAmount(cents)
                if cents > self.balance_cents:
                    raise InsufficientFunds(self.balance_cents, cents)
                return FundsWithdrawn(cents)

    def _check_open(self) -> None:
        if not self.open:
            raise AccountNotOpen

    def apply(self, event: Event) -> None:
        match event:
            case AccountOpened(owner, initial_cents):
                self.open, self.owner, self.balance_cents = True, owner, initial_cents
            case FundsDeposited(cents):
                self.balance_cents += cents
            case FundsWithdrawn(cents):
                self.balance_cents -= cents
