// The types of fields: each reads a value of parsed JSON (`decode`) and writes one as JSON text (`encode`), with the
// field's path for messages.
import { Decimal, describe, FieldError, join, stringify } from "./json.js";

function wrong(path, wanted, value) {
  const where = path === "" ? "the payload" : `field \`${path}\``;
  throw new FieldError(`${where} must be ${wanted}, but is ${describe(value)}`);
}

function type(wanted, accepts) {
  const check = (value, path) => (accepts(value) ? value : wrong(path, wanted, value));
  return { decode: check, encode: (value, path) => stringify(check(value, path), path) };
}

export const string = type("a string", (value) => typeof value === "string");
export const boolean = type("true or false", (value) => typeof value === "boolean");
// A whole number of many digits is the nearest that a double has.
const asDouble = (value) => (typeof value === "bigint" ? Number(value) : value instanceof Decimal ? value.value : value);
const double = type("a number", (value) => typeof value === "number");
export const number = {
  ...double,
  decode: (value, path) => double.decode(asDouble(value), path),
};

function safeInteger(least) {
  const wanted = `a whole number from ${least} to ${Number.MAX_SAFE_INTEGER}`;
  return type(wanted, (value) => Number.isSafeInteger(value) && value >= least);
}
export const int = safeInteger(Number.MIN_SAFE_INTEGER);
export const uint = safeInteger(0);

function bigInteger(least, most) {
  const wanted = `a whole number from ${least} to ${most}`;
  const inRange = (value) => typeof value === "bigint" && value >= least && value <= most;
  const exact = type(wanted, inRange);
  return {
    decode: (value, path) => {
      const whole = Number.isSafeInteger(value) ? BigInt(value) : value;
      return inRange(whole) ? whole : wrong(path, wanted, value);
    },
    // A number is taken as well where it is exact.
    encode: (value, path) => exact.encode(Number.isSafeInteger(value) ? BigInt(value) : value, path),
  };
}
export const int64 = bigInteger(-(2n ** 63n), 2n ** 63n - 1n);
export const uint64 = bigInteger(0n, 2n ** 64n - 1n);

const iso8601 = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;
export const date = {
  decode: (value, path) => {
    const time = typeof value === "string" && iso8601.test(value) ? new Date(value) : undefined;
    if (time === undefined || Number.isNaN(time.getTime())) wrong(path, "a time as in 2026-01-31T12:00:00Z", value);
    return time;
  },
  encode: (value, path) => (value instanceof Date ? stringify(value, path) : wrong(path, "a Date", value)),
};

/** Any JSON, as JavaScript has it. */
export const json = { decode: (value) => plain(value), encode: (value, path) => stringify(value, path) };

function plain(value) {
  if (value instanceof Decimal) return value.value;
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [key, plain(item)]));
  return value;
}

export function oneOf(...values) {
  return type(`one of ${values.map((value) => JSON.stringify(value)).join(", ")}`, (value) => values.includes(value));
}

export function optional(inner) {
  const field = fieldOf(inner);
  return {
    optional: true,
    decode: (value, path) => (value === undefined || value === null ? undefined : field.decode(value, path)),
    encode: (value, path) => (value === undefined || value === null ? "null" : field.encode(value, path)),
  };
}

export function array(inner) {
  const item = fieldOf(inner);
  const check = (value, path) => (Array.isArray(value) ? value : wrong(path, "an array", value));
  return {
    decode: (value, path) => check(value, path).map((one, index) => item.decode(one, `${path}[${index}]`)),
    encode: (value, path) =>
      `[${check(value, path)
        .map((one, index) => item.encode(one, `${path}[${index}]`))
        .join(",")}]`,
  };
}

/** An object with any keys, a Map in JavaScript; the order of its entries is kept. */
export function map(inner) {
  const item = fieldOf(inner);
  return {
    decode: (value, path) => {
      if (!isObject(value)) wrong(path, "an object", value);
      const entries = value instanceof Map ? [...value] : Object.entries(value);
      return new Map(entries.map(([key, one]) => [key, item.decode(one, join(path, key))]));
    },
    encode: (value, path) => {
      if (!(value instanceof Map)) wrong(path, "a Map", value);
      const entries = [...value].map(([key, one]) => `${string.encode(key, path)}:${item.encode(one, join(path, key))}`);
      return `{${entries.join(",")}}`;
    },
  };
}

export function object(fields) {
  const list = Object.entries(fields).map(([name, inner]) => [name, fieldOf(inner)]);
  return {
    decode: (value, path) => {
      if (!isObject(value)) wrong(path, "an object", value);
      const result = {};
      for (const [name, field] of list) {
        const one = value instanceof Map ? value.get(name) : own(value, name);
        const inside = join(path, name);
        if (one === undefined && !field.optional) throw new FieldError(`missing field \`${inside}\``);
        result[name] = field.decode(one, inside);
      }
      return result;
    },
    encode: (value, path) => {
      if (!isObject(value)) wrong(path, "an object", value);
      return `{${encodedFields(list, value, path).join(",")}}`;
    },
  };
}

function encodedFields(list, value, path) {
  const texts = [];
  for (const [name, field] of list) {
    const one = value[name];
    const inside = join(path, name);
    if (one === undefined) {
      if (field.optional) continue;
      throw new FieldError(`missing field \`${inside}\``);
    }
    texts.push(`${JSON.stringify(name)}:${field.encode(one, inside)}`);
  }
  return texts;
}

// `__proto__` and its like are no fields of a text.
const own = (value, name) => (Object.hasOwn(value, name) ? value[name] : undefined);
const isObject = (value) =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Decimal);

/** A type as it is, or an object of fields. */
export function fieldOf(inner) {
  if (typeof inner === "object" && inner !== null) {
    if (typeof inner.decode === "function" && typeof inner.encode === "function") return inner;
    if (!Array.isArray(inner)) return object(inner);
  }
  throw new TypeError(`${describe(inner)} is no type of a field; use string, uint64, optional(…) and their like`);
}
