// The world outside of an aggregate, which its code must not ask: the module and the test kit would be told different
// things, and what is stored would be nonsense. So asking throws, in both, while an aggregate's own code runs.

/** Runs an aggregate's code; the clock and chance throw until it returns. */
export function apart(call) {
  if (running) return call();
  const { Date: date, performance: timer } = globalThis;
  const { random } = Math;
  const timerNow = timer && Object.getOwnPropertyDescriptor(timer, "now");
  running = true;
  globalThis.Date = guarded(date);
  Math.random = noRandom;
  if (timer) Object.defineProperty(timer, "now", { value: noTimer, configurable: true, writable: true });
  try {
    return call();
  } finally {
    running = false;
    globalThis.Date = date;
    Math.random = random;
    if (timerNow) Object.defineProperty(timer, "now", timerNow);
    else if (timer) delete timer.now;
  }
}

let running = false;

/** A mistake in the aggregate's code. */
export class WorldError extends Error {}

function refuse(what) {
  throw new WorldError(
    `${what} is not for an aggregate: state follows from the events alone. When the command came is context.time in handle; ` +
      "what apply needs belongs into the event, and chance into the command",
  );
}
const noNow = () => refuse("Date.now()");
const noRandom = () => refuse("Math.random()");
const noTimer = () => refuse("performance.now()");

// Made once for a Date; a test may have put its own in place of the true one.
let known;
let knownGuarded;

function guarded(date) {
  if (date === known) return knownGuarded;
  known = date;
  knownGuarded = new Proxy(date, {
    apply: () => refuse("Date()"),
    construct(target, parts, newTarget) {
      return parts.length === 0 ? refuse("new Date() without a value") : Reflect.construct(target, parts, newTarget);
    },
    get: (target, name) => (name === "now" ? noNow : Reflect.get(target, name)),
  });
  return knownGuarded;
}
