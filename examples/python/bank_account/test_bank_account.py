"""The account's rules, natively: no runtime, no WebAssembly."""

from bank_account import (
    MOST,
    AccountAlreadyOpen,
    AccountNotOpen,
    AccountOpened,
    BankAccount,
    DepositFunds,
    FundsDeposited,
    FundsWithdrawn,
    InsufficientFunds,
    InvalidAmount,
    OpenAccount,
    WithdrawFunds,
)
from thalo.testing import given


def test_opens_once():
    given(BankAccount).when(OpenAccount("Ann", 500)).then(AccountOpened("Ann", 500))
    given(BankAccount).when(OpenAccount("Ann")).then(AccountOpened("Ann", 0))
    given(BankAccount, AccountOpened("Ann", 0)).when(OpenAccount("Bob")).then_rejected(AccountAlreadyOpen())


def test_does_nothing_before_it_is_open():
    given(BankAccount).when(DepositFunds(1)).then_rejected(AccountNotOpen())
    given(BankAccount).when(WithdrawFunds(1)).then_rejected(AccountNotOpen())


def test_refuses_amounts_that_are_none():
    opened = given(BankAccount, AccountOpened("Ann", 5))
    opened.when(DepositFunds(0)).then_rejected(InvalidAmount(0))
    opened.when(WithdrawFunds(0)).then_rejected(InvalidAmount(0))
    opened.when(DepositFunds(MOST)).then_rejected(InvalidAmount(MOST))


def test_is_never_overdrawn():
    account = given(BankAccount, AccountOpened("Ann", 500), FundsWithdrawn(200))
    account.when(WithdrawFunds(300)).then(FundsWithdrawn(300))
    account.when(WithdrawFunds(301)).then_rejected(InsufficientFunds(300, 301))


def test_counts_what_comes_and_goes():
    past = given(BankAccount, AccountOpened("Ann", 500), FundsDeposited(50), FundsWithdrawn(200))
    state = past.when(DepositFunds(7)).then(FundsDeposited(7)).state
    assert (state.balance_cents, state.owner) == (357, "Ann")
