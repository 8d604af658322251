// A bank account: opened once, never overdrawn. Money is counted in whole cents.
package main

import (
	"math"

	"thalo"
)

// Commands.
type (
	OpenAccount struct {
		Owner        string  `json:"owner"`
		InitialCents *uint64 `json:"initial_cents"` // may be missing
	}
	DepositFunds struct {
		Cents uint64 `json:"cents"`
	}
	WithdrawFunds struct {
		Cents uint64 `json:"cents"`
	}
)

// Events.
type (
	AccountOpened struct {
		Owner        string `json:"owner"`
		InitialCents uint64 `json:"initial_cents"`
	}
	FundsDeposited struct {
		Cents uint64 `json:"cents"`
	}
	FundsWithdrawn struct {
		Cents uint64 `json:"cents"`
	}
)

// Errors.
type (
	AccountAlreadyOpen struct{}
	AccountNotOpen     struct{}
	InvalidAmount      struct {
		Cents uint64 `json:"cents"`
	}
	InsufficientFunds struct {
		BalanceCents uint64 `json:"balance_cents"`
		Cents        uint64 `json:"cents"`
	}
)

type BankAccount struct {
	Open         bool   `json:"open"`
	Owner        string `json:"owner"`
	BalanceCents uint64 `json:"balance_cents"`
}

func (a *BankAccount) Kinds() thalo.Kinds {
	return thalo.Kinds{
		Commands: thalo.Types{OpenAccount{}, DepositFunds{}, WithdrawFunds{}},
		Events:   thalo.Types{AccountOpened{}, FundsDeposited{}, FundsWithdrawn{}},
		// A busy account has many events: with a snapshot the runtime need not replay them all.
		Snapshots: "bank-account-1",
	}
}

func (a *BankAccount) Handle(command thalo.Command, _ thalo.Context) ([]thalo.Event, error) {
	switch command := command.(type) {
	case OpenAccount:
		return a.open(command)
	case DepositFunds:
		return a.deposit(command)
	case WithdrawFunds:
		return a.withdraw(command)
	}
	return thalo.Nothing()
}

func (a *BankAccount) open(command OpenAccount) ([]thalo.Event, error) {
	if a.Open {
		return thalo.Reject(AccountAlreadyOpen{})
	}
	opened := AccountOpened{Owner: command.Owner}
	if command.InitialCents != nil {
		opened.InitialCents = *command.InitialCents
	}
	return thalo.Emit(opened)
}

func (a *BankAccount) deposit(command DepositFunds) ([]thalo.Event, error) {
	if !a.Open {
		return thalo.Reject(AccountNotOpen{})
	}
	// Nothing, or more than the account can count.
	if command.Cents == 0 || command.Cents > math.MaxUint64-a.BalanceCents {
		return thalo.Reject(InvalidAmount{command.Cents})
	}
	return thalo.Emit(FundsDeposited{command.Cents})
}

func (a *BankAccount) withdraw(command WithdrawFunds) ([]thalo.Event, error) {
	if !a.Open {
		return thalo.Reject(AccountNotOpen{})
	}
	if command.Cents == 0 {
		return thalo.Reject(InvalidAmount{command.Cents})
	}
	if command.Cents > a.BalanceCents {
		return thalo.Reject(InsufficientFunds{a.BalanceCents, command.Cents})
	}
	return thalo.Emit(FundsWithdrawn{command.Cents})
}

func (a *BankAccount) Apply(event thalo.Event) {
	switch event := event.(type) {
	case AccountOpened:
		a.Open = true
		a.Owner = event.Owner
		a.BalanceCents = event.InitialCents
	case FundsDeposited:
		a.BalanceCents += event.Cents
	case FundsWithdrawn:
		a.BalanceCents -= event.Cents
	}
}

func init() { thalo.Export[BankAccount]() }

func main() {}
