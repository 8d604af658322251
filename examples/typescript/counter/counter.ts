// A counter that can be incremented, decremented down to zero, and reset.
import { reject, uint64, type Aggregate, type OneOf } from "@thalo/aggregate";

// Commands: what somebody asks for.
const commands = {
  Increment: { amount: uint64 },
  Decrement: { amount: uint64 },
  Reset: {},
};

// Events: what has happened. These are stored, for good.
const events = {
  Incremented: { amount: uint64 },
  Decremented: { amount: uint64 },
  WasReset: { from: uint64 },
};

type Command = OneOf<typeof commands>;
type Event = OneOf<typeof events>;

const most = 2n ** 64n - 1n;

export default class Counter implements Aggregate<Command, Event> {
  static commands = commands;
  static events = events;

  count = 0n;

  handle(command: Command): Event | undefined {
    const { count } = this;
    switch (command.type) {
      case "Increment":
        if (command.amount > most - count) reject({ type: "Overflow", count, amount: command.amount });
        return { type: "Incremented", amount: command.amount };
      case "Decrement":
        if (command.amount > count) reject({ type: "BelowZero", count, amount: command.amount });
        return { type: "Decremented", amount: command.amount };
      case "Reset":
        // A counter that stands at zero has nothing to reset: no event.
        return count === 0n ? undefined : { type: "WasReset", from: count };
    }
  }

  apply(event: Event): void {
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
