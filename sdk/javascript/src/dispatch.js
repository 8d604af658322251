// From texts to an aggregate's methods and back. Nothing here knows WebAssembly; the test kit and the guest share it.
import { fieldOf } from "./fields.js";
import { describe, FieldError, parse, stringify } from "./json.js";
import { log } from "./log.js";
import { Rejection } from "./rejection.js";
import { apart, WorldError } from "./world.js";

/** One of the contract's failures: `tag` is its case, `name` the command's, event's or error's name. */
export class Failure extends Error {
  constructor(tag, name, message) {
    super(message);
    this.tag = tag;
    this.subject = name;
  }
}

/** What a class says of itself, checked and ready for use; one for each class. */
export class Description {
  constructor(aggregate) {
    if (typeof aggregate !== "function")
      throw new TypeError("the module must export the aggregate's class: export default class Counter { … }");
    for (const method of ["handle", "apply"]) {
      if (typeof aggregate.prototype?.[method] !== "function")
        throw new TypeError(`the class ${aggregate.name} has no method \`${method}\``);
    }
    this.aggregate = aggregate;
    this.commands = kinds(aggregate, "commands");
    this.events = kinds(aggregate, "events");
    this.snapshots = snapshotsOf(aggregate);
  }

  create(id) {
    return apart(() => new this.aggregate(id));
  }

  /** An entity; where its constructor throws, one that answers everything with that mistake. */
  createOrBroken(id) {
    try {
      return this.create(id);
    } catch (error) {
      log.error(`the constructor of ${this.aggregate.name} threw`, error);
      return new Broken(error);
    }
  }

  handle(entity, name, payload, context) {
    const command = this.readCommand(name, payload);
    if (entity instanceof Broken) throw mistake(entity.type, entity.message);
    const events = answered(name, () => apart(() => entity.handle(command, context)));
    return events.map((event) => this.writeEvent(event));
  }

  readCommand(name, payload) {
    const fields = this.commands.get(name);
    if (!fields) throw new Failure("deserialize-command", name, `unknown command; known are ${known(this.commands)}`);
    try {
      return { type: name, ...fields.decode(parse(payload), "") };
    } catch (error) {
      throw new Failure("deserialize-command", name, error.message);
    }
  }

  writeEvent(event) {
    const type = event?.type;
    const fields = this.events.get(type);
    if (!fields) {
      const got = typeof type === "string" ? `of the unknown type '${type}'` : `without a type, ${describe(event)}`;
      throw new Failure("serialize-event", String(type), `handle returned an event ${got}; known are ${known(this.events)}`);
    }
    try {
      return { type, payload: fields.encode(event, "") };
    } catch (error) {
      throw new Failure("serialize-event", type, `${type}: ${error.message}`);
    }
  }

  apply(entity, type, payload) {
    const fields = this.events.get(type);
    if (!fields) throw new Failure("deserialize-event", type, `unknown event; known are ${known(this.events)}`);
    if (entity instanceof Broken) throw new Failure("deserialize-event", type, entity.message);
    try {
      const event = { type, ...fields.decode(parse(payload), "") };
      apart(() => entity.apply(event));
    } catch (error) {
      if (!(error instanceof FieldError || error instanceof SyntaxError)) log.error(`apply of ${type} threw`, error);
      throw new Failure("deserialize-event", type, String(error?.message ?? error));
    }
  }

  snapshot(entity) {
    if (entity instanceof Broken) throw new Error(entity.message);
    return this.snapshots.state.encode(this.snapshots.own ? apart(() => entity.snapshot()) : entity, "");
  }

  restore(entity, text) {
    if (entity instanceof Broken) throw new Error(entity.message);
    const state = this.snapshots.state.decode(parse(text), "");
    if (this.snapshots.own) apart(() => entity.restore(state));
    else Object.assign(entity, state);
  }
}

const known = (map) => [...map.keys()].join(", ");

function kinds(aggregate, name) {
  const types = aggregate[name];
  if (typeof types !== "object" || types === null || Object.keys(types).length === 0)
    throw new TypeError(`the class ${aggregate.name} does not say its ${name}: static ${name} = { Name: { field: string }, … }`);
  return new Map(
    Object.entries(types).map(([type, fields]) => {
      if (Object.hasOwn(fields, "type"))
        throw new TypeError(`${aggregate.name}.${name}.${type} has a field 'type': that is where the name stands; choose another`);
      return [type, fieldOf(fields)];
    }),
  );
}

function snapshotsOf(aggregate) {
  const { snapshotFormat, state } = aggregate;
  if (snapshotFormat === undefined) return undefined;
  if (typeof snapshotFormat !== "string") throw new TypeError(`${aggregate.name}.snapshotFormat must be a string`);
  const { snapshot, restore } = aggregate.prototype;
  const own = typeof snapshot === "function" && typeof restore === "function";
  if (state === undefined || !own !== !(snapshot || restore))
    throw new TypeError(
      `${aggregate.name} offers snapshots (static snapshotFormat): it needs static state = { field: type, … }, and either both methods \`snapshot\` and \`restore\` or none`,
    );
  return { format: snapshotFormat, state: fieldOf(state), own };
}

// The events of whatever handle returns; what it throws is a refusal.
function answered(name, handle) {
  try {
    const answer = handle();
    if (answer === undefined || answer === null) return [];
    if (typeof answer.then === "function")
      throw new TypeError("handle is asynchronous; an aggregate has nothing to wait for, so remove `async`");
    return Array.isArray(answer) ? answer : [answer];
  } catch (error) {
    throw refusal(name, error);
  }
}

function refusal(command, error) {
  if (error instanceof Rejection) {
    try {
      return new Failure("command", error.error.type, stringify(error.error));
    } catch (problem) {
      return new Failure("serialize-error", error.error.type, problem.message);
    }
  }
  const type = error instanceof Error ? error.name : "Error";
  const message = String(error?.message ?? error).toWellFormed();
  // Whoever runs it wants to know where.
  log.error(`handle of ${command} threw`, error);
  if (isMistake(error)) return mistake(type, `handle threw it: ${message}`);
  return new Failure("command", type, stringify({ type, message }));
}

// What the language itself throws is no answer of the rules: the client is told that the module failed.
const mistakes = [TypeError, ReferenceError, RangeError, SyntaxError, EvalError, URIError, globalThis.InternalError, WorldError].filter(Boolean);
const isMistake = (error) => mistakes.some((kind) => error instanceof kind);
const mistake = (type, message) => new Failure("serialize-error", type, `it is no refusal but a mistake in the code, its stack is in the log; ${message}`);

// In place of an entity whose constructor threw: the contract has no answer that a constructor could give.
class Broken {
  constructor(error) {
    this.type = error instanceof Error ? error.name : "Error";
    this.message = `the constructor threw ${this.type}: ${String(error?.message ?? error)}`.toWellFormed();
  }
}
