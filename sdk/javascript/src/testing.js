// Tests of an aggregate's rules: given events, when a command comes, then events (or a refusal).
//
// Everything goes through JSON as in the runtime, so what cannot be stored fails here; an aggregate with snapshots is
// also put through one before the command, and a handler that changes the state is found out. What nothing is expected of
// makes the program end with exit code 1: a `given` without a `when`, a `when` without one of the `then` or `state`.
import { AssertionError } from "node:assert";
import { inspect, isDeepStrictEqual } from "node:util";
import { Context } from "./context.js";
import { Description, Failure } from "./dispatch.js";
import { join, stringify } from "./json.js";

// What is still to be used, with the call that made it.
const unused = new Map();
process.on("exit", () => {
  for (const { stack } of unused.values()) console.error(stack);
  if (unused.size > 0) process.exitCode = 1;
});

function mustBeUsed(object, message, stackStartFn) {
  unused.set(object, new AssertionError({ message, stackStartFn }));
}

/** An entity's past. */
export function given(aggregate, ...events) {
  const past = new Given(new Description(aggregate), events.flat());
  mustBeUsed(past, "nothing is done with this given: where is the when?", given);
  return past;
}

class Given {
  #description;
  #events;
  #id = "test";
  #context;

  constructor(description, events) {
    this.#description = description;
    this.#events = events;
    this.#context = { timeMs: Date.UTC(2000, 0, 1), version: events.length };
  }

  /** The entity's id; "test" otherwise. */
  withId(id) {
    this.#id = id;
    return this;
  }

  /** What surrounds the command: commandId, timeMs, version, correlationId, causationId, metadata. */
  withContext(context) {
    this.#context = { ...this.#context, ...context };
    return this;
  }

  when(command) {
    unused.delete(this);
    const description = this.#description;
    const { type, ...fields } = command;
    const known = description.commands.get(type);
    if (!known) throw new AssertionError({ message: `'${type}' is no command of ${description.aggregate.name}`, stackStartFn: this.when });
    return this.#handle(type, known.encode(fields, ""), this.when);
  }

  /** The same with a command as a client sends it: its name and its payload in JSON. */
  whenJson(name, payload) {
    return this.#handle(name, payload, this.whenJson);
  }

  #handle(name, payload, stackStartFn) {
    unused.delete(this);
    const description = this.#description;
    const entity = this.#past();
    const before = structured(entity);
    const outcome = { events: [], failure: undefined };
    try {
      outcome.events = description.handle(entity, name, payload, new Context(this.#id, this.#context));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      outcome.failure = error;
    }
    const changed = difference(before, structured(entity));
    if (changed !== undefined)
      throw new AssertionError({ message: `handle changed the entity; only apply may: ${changed}`, actual: structured(entity), expected: before, stackStartFn });
    for (const event of outcome.events) description.apply(entity, event.type, event.payload);
    const came = new Outcome(description, entity, outcome);
    mustBeUsed(came, "nothing is expected of this when: where is the then?", stackStartFn);
    return came;
  }

  #past() {
    const description = this.#description;
    const entity = description.create(this.#id);
    for (const event of this.#events) {
      const { type, payload } = description.writeEvent(event);
      description.apply(entity, type, payload);
    }
    if (!description.snapshots) return entity;
    const restored = description.create(this.#id);
    const text = description.snapshot(entity);
    description.restore(restored, text);
    const lost = difference(structured(entity), structured(restored));
    if (lost !== undefined)
      throw new AssertionError({
        message: `an entity restored from its snapshot differs from the one it was taken of: ${lost}`,
        actual: structured(restored),
        expected: structured(entity),
      });
    return restored;
  }
}

// The fields as data, without the methods that some keep in fields.
const structured = (entity) => present(structuredClone(Object.fromEntries(Object.entries(entity).filter(([, value]) => typeof value !== "function"))));

// Without the fields that are undefined: an optional field that was never set and one without a value are the same.
function present(value) {
  if (Array.isArray(value)) return value.map(present);
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, present(item)]));
  if (!isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined).map(([key, item]) => [key, present(item)]));
}

const isPlain = (value) => typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;

// Which field is another one, by its path; undefined when none is.
function difference(before, after, path = "") {
  if (isDeepStrictEqual(before, after)) return undefined;
  if (isPlain(before) && isPlain(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      const inside = difference(before[key], after[key], join(path, key));
      if (inside !== undefined) return inside;
    }
  }
  return `\`${path}\` was ${inspect(before)} and is ${inspect(after)}`;
}

class Outcome {
  #state;
  #description;
  #actual;

  constructor(description, state, { events, failure }) {
    this.#state = state;
    this.#description = description;
    if (failure?.tag === "command") this.#actual = { rejected: failure.message };
    else if (failure?.tag === "deserialize-command") this.#actual = { invalid: failure.message };
    else if (failure) this.#actual = { failed: `${failure.subject}: ${failure.message}` };
    else this.#actual = events.map((event) => `${event.type} ${event.payload}`);
  }

  /** The entity after the new events. */
  get state() {
    unused.delete(this);
    return this.#state;
  }

  #expect(expected, stackStartFn) {
    unused.delete(this);
    if (isDeepStrictEqual(this.#actual, expected)) return this;
    const shown = (what) => (Array.isArray(what) ? what.map((line) => `\n    ${line}`).join("") || " nothing" : `\n    ${Object.entries(what)[0].join(": ")}`);
    throw new AssertionError({
      message: `expected${shown(expected)}\n  but got${shown(this.#actual)}`,
      actual: this.#actual,
      expected,
      operator: "then",
      stackStartFn,
    });
  }

  /** Exactly these events, in this order; none: nothing happened. */
  thenEmits(...events) {
    unused.delete(this);
    const lines = events.map((event) => {
      const { type, payload } = this.#description.writeEvent(event);
      return `${type} ${payload}`;
    });
    return this.#expect(lines, this.thenEmits);
  }
  thenNothing() {
    return this.#expect([], this.thenNothing);
  }

  /** Refused with exactly this error; a text is what `reject` was given. */
  thenRejected(error) {
    const { type, ...fields } = typeof error === "string" ? { type: "Rejected", message: error } : error;
    return this.#expect({ rejected: stringify({ type, ...fields }) }, this.thenRejected);
  }

  /** Not understood: an unknown command or a payload that is none, with `part` in what is said about it. */
  thenInvalid(part = "") {
    unused.delete(this);
    if (this.#actual.invalid?.includes(part)) return this;
    return this.#expect({ invalid: part }, this.thenInvalid);
  }
}
