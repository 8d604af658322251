// The component's exports (wit/aggregate.wit). `thalo build` bundles this with an aggregate; nothing here is for users.
import { write } from "thalo:aggregate/log@1.0.0";
import { Context } from "./context.js";
import { Description, Failure } from "./dispatch.js";
import { log, logTo } from "./log.js";

/** What the module exports as `aggregate`. */
export function guest(aggregateClass) {
  const description = new Description(aggregateClass);
  closeTheWorld();

  class Entity {
    constructor(id) {
      this.id = id;
      this.entity = description.createOrBroken(id);
    }
    apply(events) {
      contractErrors(() => {
        for (const { event, payload } of events) description.apply(this.entity, event, payload);
      });
    }
    handle({ command, payload, context }) {
      return contractErrors(() =>
        description
          .handle(this.entity, command, payload, new Context(this.id, context))
          .map((event) => ({ event: event.type, payload: event.payload })),
      );
    }
    snapshot() {
      return textErrors(() => description.snapshot(this.entity));
    }
    restore(text) {
      textErrors(() => description.restore(this.entity, text));
    }
  }
  return { Entity, snapshotFormat: () => description.snapshots?.format };
}

// An error of the contract must be thrown as its bare value; an Error would end the instance.
function contractErrors(call) {
  try {
    return call();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const alone = error.tag === "serialize-event" || error.tag === "deserialize-context";
    throw { tag: error.tag, val: alone ? error.message : [error.subject, error.message] };
  }
}

function textErrors(call) {
  try {
    return call();
  } catch (error) {
    throw String(error?.message ?? error).toWellFormed();
  }
}

// State must follow from the events alone: outside of the aggregate's methods, where they throw (world.js), the clock stands and
// chance is always the same. The console is the log.
function closeTheWorld() {
  logTo(write);
  const standsAt = Date.UTC(2000, 0, 1);
  const TrueDate = Date;
  function StandingDate(...parts) {
    if (!new.target) return new TrueDate(standsAt).toString();
    return Reflect.construct(TrueDate, parts.length === 0 ? [standsAt] : parts, new.target === StandingDate ? TrueDate : new.target);
  }
  Object.defineProperties(StandingDate, Object.getOwnPropertyDescriptors(TrueDate));
  StandingDate.now = () => standsAt;
  StandingDate.prototype.constructor = StandingDate;
  globalThis.Date = StandingDate;
  Math.random = () => 0.5;
  Object.defineProperty(globalThis, "performance", { value: { now: () => 0 }, configurable: true, writable: true });
  globalThis.console = {
    ...globalThis.console,
    trace: log.trace,
    debug: log.debug,
    log: log.info,
    info: log.info,
    warn: log.warn,
    error: log.error,
  };
}
