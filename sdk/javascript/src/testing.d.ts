import type { Aggregate, AggregateClass, Kinds, OneOf } from "./index.js";

/** An entity's past: `given(Counter, { type: "Incremented", amount: 5n })`. */
export function given<A extends Aggregate, C extends Kinds, E extends Kinds>(
  aggregate: AggregateClass<A, C, E>,
  ...events: (OneOf<E> | readonly OneOf<E>[])[]
): Given<A, OneOf<C>, OneOf<E>>;

export interface Surroundings {
  commandId?: string;
  timeMs?: number;
  version?: number;
  correlationId?: string;
  causationId?: string;
  metadata?: Record<string, unknown>;
}

export interface Given<A, Command, Event> {
  /** The entity's id; "test" otherwise. */
  withId(id: string): this;
  /** What surrounds the command. */
  withContext(context: Surroundings): this;
  when(command: Command): Outcome<A, Event>;
  /** The same with a command as a client sends it: its name and its payload in JSON. */
  whenJson(name: string, payload: string): Outcome<A, Event>;
}

export interface Outcome<A, Event> {
  /** Exactly these events, in this order. */
  thenEmits(...events: Event[]): this;
  thenNothing(): this;
  /** Refused with exactly this error; a text is what `reject` was given. */
  thenRejected(error: string | ({ type: string } & Record<string, unknown>)): this;
  /** Not understood: an unknown command or a payload that is none, with `part` in what is said about it. */
  thenInvalid(part?: string): this;
  /** The entity after the new events. */
  readonly state: A;
}
