// The account's rules, natively: no runtime, no WebAssembly.
package main

import (
	"math"
	"testing"

	"thalo/thalotest"
)

func TestOpensOnce(t *testing.T) {
	cents := uint64(500)
	thalotest.Given[BankAccount](t).When(OpenAccount{"Ann", &cents}).Then(AccountOpened{"Ann", 500})
	thalotest.Given[BankAccount](t).When(OpenAccount{"Ann", nil}).Then(AccountOpened{"Ann", 0})
	thalotest.Given[BankAccount](t, AccountOpened{"Ann", 0}).When(OpenAccount{"Bob", nil}).ThenRejected(AccountAlreadyOpen{})
}

func TestDoesNothingBeforeItIsOpen(t *testing.T) {
	thalotest.Given[BankAccount](t).When(DepositFunds{1}).ThenRejected(AccountNotOpen{})
	thalotest.Given[BankAccount](t).When(WithdrawFunds{1}).ThenRejected(AccountNotOpen{})
}

func TestRefusesAmountsThatAreNone(t *testing.T) {
	opened := AccountOpened{"Ann", 5}
	thalotest.Given[BankAccount](t, opened).When(DepositFunds{0}).ThenRejected(InvalidAmount{0})
	thalotest.Given[BankAccount](t, opened).When(WithdrawFunds{0}).ThenRejected(InvalidAmount{0})
	thalotest.Given[BankAccount](t, opened).When(DepositFunds{math.MaxUint64}).ThenRejected(InvalidAmount{math.MaxUint64})
}

func TestIsNeverOverdrawn(t *testing.T) {
	past := thalotest.Given[BankAccount](t, AccountOpened{"Ann", 500}, FundsWithdrawn{200})
	past.When(WithdrawFunds{300}).Then(FundsWithdrawn{300})
	past.When(WithdrawFunds{301}).ThenRejected(InsufficientFunds{300, 301})
}

func TestCountsWhatComesAndGoes(t *testing.T) {
	state := thalotest.Given[BankAccount](t, AccountOpened{"Ann", 500}, FundsDeposited{50}, FundsWithdrawn{200}).
		When(DepositFunds{7}).Then(FundsDeposited{7}).State()
	if state.BalanceCents != 357 || state.Owner != "Ann" {
		t.Errorf("the account is %+v", state)
	}
}
