// The counter's rules, natively: no runtime, no WebAssembly.
import assert from "node:assert/strict";
import { test } from "node:test";
import { given } from "@thalo/aggregate/testing";
import Counter from "./counter.js";

const most = 2n ** 64n - 1n;

test("an increment is recorded with its amount", () => {
  given(Counter).when({ type: "Increment", amount: 10n }).thenEmits({ type: "Incremented", amount: 10n });
});

test("counts up and down", () => {
  const outcome = given(Counter, { type: "Incremented", amount: 5n }, { type: "Decremented", amount: 2n })
    .when({ type: "Increment", amount: 10n })
    .thenEmits({ type: "Incremented", amount: 10n });
  assert.equal(outcome.state.count, 13n);
});

test("goes down to zero but not below", () => {
  const five = given(Counter, { type: "Incremented", amount: 5n });
  five.when({ type: "Decrement", amount: 5n }).thenEmits({ type: "Decremented", amount: 5n });
  five.when({ type: "Decrement", amount: 6n }).thenRejected({ type: "BelowZero", count: 5n, amount: 6n });
});

test("refuses what it cannot count", () => {
  given(Counter, { type: "Incremented", amount: most })
    .when({ type: "Increment", amount: 1n })
    .thenRejected({ type: "Overflow", count: most, amount: 1n });
});

test("a reset tells where it stood and is nothing at zero", () => {
  given(Counter, { type: "Incremented", amount: 5n }).when({ type: "Reset" }).thenEmits({ type: "WasReset", from: 5n });
  given(Counter, { type: "Incremented", amount: 5n }, { type: "WasReset", from: 5n }).when({ type: "Reset" }).thenNothing();
});
