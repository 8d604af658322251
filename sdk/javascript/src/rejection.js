// How an aggregate refuses a command.
import { stringify } from "./json.js";

/** Thrown by `reject`. `error` reaches the client as JSON. */
export class Rejection extends Error {
  constructor(error) {
    super(`rejected: ${stringify(error)}`);
    this.error = error;
  }
}
Rejection.prototype.name = "Rejection";

/** Refuses the command: throws, so nothing behind it runs. */
export function reject(error) {
  if (typeof error === "string") throw new Rejection({ type: "Rejected", message: error });
  if (typeof error !== "object" || error === null || typeof error.type !== "string" || error.type === "")
    throw new TypeError('reject takes a text, or an object with a `type`, e.g. reject({ type: "BelowZero", count: 5 })');
  const { type, ...fields } = error;
  throw new Rejection({ type, ...fields });
}
