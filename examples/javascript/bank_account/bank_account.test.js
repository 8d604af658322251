// The account's rules, natively: no runtime, no WebAssembly.
import assert from "node:assert/strict";
import { test } from "node:test";
import { given } from "@thalo/aggregate/testing";
import BankAccount from "./bank_account.js";

const most = 2n ** 64n - 1n;
const opened = (initial_cents) => ({ type: "AccountOpened", owner: "Ann", initial_cents });

test("opens once", () => {
  given(BankAccount).when({ type: "OpenAccount", owner: "Ann", initial_cents: 500n }).thenEmits(opened(500n));
  given(BankAccount).when({ type: "OpenAccount", owner: "Ann" }).thenEmits(opened(0n));
  given(BankAccount, opened(0n)).when({ type: "OpenAccount", owner: "Bob" }).thenRejected({ type: "AccountAlreadyOpen" });
});

test("does nothing before it is open", () => {
  given(BankAccount).when({ type: "DepositFunds", cents: 1n }).thenRejected({ type: "AccountNotOpen" });
  given(BankAccount).when({ type: "WithdrawFunds", cents: 1n }).thenRejected({ type: "AccountNotOpen" });
});

test("refuses amounts that are none", () => {
  const five = given(BankAccount, opened(5n));
  five.when({ type: "DepositFunds", cents: 0n }).thenRejected({ type: "InvalidAmount", cents: 0n });
  five.when({ type: "WithdrawFunds", cents: 0n }).thenRejected({ type: "InvalidAmount", cents: 0n });
  five.when({ type: "DepositFunds", cents: most }).thenRejected({ type: "InvalidAmount", cents: most });
});

test("is never overdrawn", () => {
  const account = given(BankAccount, opened(500n), { type: "FundsWithdrawn", cents: 200n });
  account.when({ type: "WithdrawFunds", cents: 300n }).thenEmits({ type: "FundsWithdrawn", cents: 300n });
  account.when({ type: "WithdrawFunds", cents: 301n }).thenRejected({ type: "InsufficientFunds", balance_cents: 300n, cents: 301n });
});

test("counts what comes and goes", () => {
  const { state } = given(BankAccount, opened(500n), { type: "FundsDeposited", cents: 50n }, { type: "FundsWithdrawn", cents: 200n })
    .when({ type: "DepositFunds", cents: 7n })
    .thenEmits({ type: "FundsDeposited", cents: 7n });
  assert.equal(state.balance_cents, 357n);
  assert.equal(state.owner, "Ann");
});
