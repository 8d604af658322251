// A bank account: opened once, never overdrawn. Money is counted in whole cents.
import { boolean, optional, reject, string, uint64 } from "@thalo/aggregate";

const most = 2n ** 64n - 1n;

export default class BankAccount {
  static commands = {
    OpenAccount: { owner: string, initial_cents: optional(uint64) },
    DepositFunds: { cents: uint64 },
    WithdrawFunds: { cents: uint64 },
  };

  static events = {
    AccountOpened: { owner: string, initial_cents: uint64 },
    FundsDeposited: { cents: uint64 },
    FundsWithdrawn: { cents: uint64 },
  };

  // A busy account has many events: with a snapshot the runtime need not replay them all.
  static snapshotFormat = "bank-account-1";
  static state = { open: boolean, owner: string, balance_cents: uint64 };

  open = false;
  owner = "";
  balance_cents = 0n;

  handle(command) {
    const { open, balance_cents } = this;
    switch (command.type) {
      case "OpenAccount":
        if (open) reject({ type: "AccountAlreadyOpen" });
        return { type: "AccountOpened", owner: command.owner, initial_cents: command.initial_cents ?? 0n };
      case "DepositFunds": {
        if (!open) reject({ type: "AccountNotOpen" });
        const { cents } = command;
        // Nothing, or more than the account can count.
        if (cents === 0n || cents > most - balance_cents) reject({ type: "InvalidAmount", cents });
        return { type: "FundsDeposited", cents };
      }
      case "WithdrawFunds": {
        if (!open) reject({ type: "AccountNotOpen" });
        const { cents } = command;
        if (cents === 0n) reject({ type: "InvalidAmount", cents });
        if (cents > balance_cents) reject({ type: "InsufficientFunds", balance_cents, cents });
        return { type: "FundsWithdrawn", cents };
      }
    }
  }

  apply(event) {
    switch (event.type) {
      case "AccountOpened":
        this.open = true;
        this.owner = event.owner;
        this.balance_cents = event.initial_cents;
        break;
      case "FundsDeposited":
        this.balance_cents += event.cents;
        break;
      case "FundsWithdrawn":
        this.balance_cents -= event.cents;
        break;
    }
  }
}
