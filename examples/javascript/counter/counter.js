// A counter that can be incremented, decremented down to zero, and reset.
import { reject, uint64 } from "@thalo/aggregate";

const most = 2n ** 64n - 1n;

export default class Counter {
  // Commands: what somebody asks for.
  static commands = {
    Increment: { amount: uint64 },
    Decrement: { amount: uint64 },
    Reset: {},
  };

  // Events: what has happened. These are stored, for good.
  static events = {
    Incremented: { amount: uint64 },
    Decremented: { amount: uint64 },
    WasReset: { from: uint64 },
  };

  count = 0n;

  handle({ type, amount }) {
    const { count } = this;
    switch (type) {
      case "Increment":
        if (amount > most - count) reject({ type: "Overflow", count, amount });
        return { type: "Incremented", amount };
      case "Decrement":
        if (amount > count) reject({ type: "BelowZero", count, amount });
        return { type: "Decremented", amount };
      case "Reset":
        // A counter that stands at zero has nothing to reset: no event.
        return count === 0n ? undefined : { type: "WasReset", from: count };
    }
  }

  apply(event) {
    switch (event.type) {
      case "Incremented":
        this.count += event.amount;
        break;
      case "Decremented":
        this.count -= event.amount;
        break;
      case "WasReset":
        this.count = 0n;
        break;
    }
  }
}
