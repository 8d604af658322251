// JSON with whole numbers of any size: those that a double cannot hold exactly are bigints on the way in, and every
// bigint is written as a plain number on the way out.

// Digits that a double might not hold, an object whose keys JavaScript would reorder ("10" before "a"), or a number that
// might be whole and is not written as one (1.0, 1e3).
const needsOwnReader = /\d{16}|"(?:0|[1-9]\d*)"\s*:|(?:^|[[:,])\s*-?\d+(?:\.0+(?!\d)|(?:\.\d+)?[eE])/;
const depthMax = 128;

/** A number as 1.0 or 1e3: its value is whole, but it is no whole number in any language's JSON. */
export class Decimal {
  constructor(text) {
    this.text = text;
    this.value = Number(text);
  }
}

/** Reads JSON. Where the text needs it, objects come as Maps (in the text's order), large integers as bigints, and
 * numbers that are whole but not written so as Decimals. */
export function parse(text) {
  return needsOwnReader.test(text) ? new Reader(text).all() : JSON.parse(text);
}

class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  all() {
    const value = this.value(0);
    this.space();
    if (this.at !== this.text.length) this.fail();
    return value;
  }

  fail() {
    if (this.at >= this.text.length) throw new SyntaxError("the JSON ends too early");
    throw new SyntaxError(`unexpected ${JSON.stringify(this.text[this.at])} at position ${this.at} of the JSON`);
  }

  space() {
    while (" \t\n\r".includes(this.text[this.at] ?? "-")) this.at += 1;
  }

  // The match of a sticky expression at this place.
  take(expression) {
    expression.lastIndex = this.at;
    const found = expression.exec(this.text);
    if (!found) this.fail();
    this.at = expression.lastIndex;
    return found[0];
  }

  // Takes one character and the space behind it, if it is there.
  has(character) {
    this.space();
    if (this.text[this.at] !== character) return false;
    this.at += 1;
    this.space();
    return true;
  }

  need(character) {
    if (!this.has(character)) this.fail();
  }

  string() {
    const begin = this.at;
    if (this.text[begin] !== '"') this.fail();
    let end = begin;
    do {
      end = this.text.indexOf('"', end + 1);
      if (end < 0) throw new SyntaxError("a string in the JSON has no end");
    } while (this.isEscaped(end));
    this.at = end + 1;
    return JSON.parse(this.text.slice(begin, this.at));
  }

  isEscaped(at) {
    let first = at;
    while (this.text[first - 1] === "\\") first -= 1;
    return (at - first) % 2 === 1;
  }

  number() {
    const text = this.take(/-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y);
    const value = Number(text);
    if (/[.eE]/.test(text)) return Number.isInteger(value) ? new Decimal(text) : value;
    return Number.isSafeInteger(value) ? value : BigInt(text);
  }

  value(depth) {
    if (depth > depthMax) throw new SyntaxError(`the JSON is nested deeper than ${depthMax}`);
    this.space();
    const first = this.text[this.at];
    if (first === "{") return this.object(depth);
    if (first === "[") return this.array(depth);
    if (first === '"') return this.string();
    if (first === "t" || first === "f" || first === "n") return JSON.parse(this.take(/true|false|null/y));
    return this.number();
  }

  object(depth) {
    const entries = new Map();
    this.need("{");
    if (this.has("}")) return entries;
    do {
      const key = this.string();
      this.need(":");
      entries.set(key, this.value(depth + 1));
    } while (this.has(","));
    this.need("}");
    return entries;
  }

  array(depth) {
    const items = [];
    this.need("[");
    if (this.has("]")) return items;
    do items.push(this.value(depth + 1));
    while (this.has(","));
    this.need("]");
    return items;
  }
}

/** Writes any value: bigints as numbers, Maps as objects, Sets as arrays, Dates as ISO 8601. */
export function stringify(value, path = "") {
  const where = path === "" ? "the value" : `\`${path}\``;
  switch (typeof value) {
    case "string":
      if (!value.isWellFormed()) throw new FieldError(`${where} holds half of a surrogate pair, which is no text`);
      return JSON.stringify(value);
    case "boolean":
    case "bigint":
      return String(value);
    case "number":
      if (!Number.isFinite(value)) throw new FieldError(`${where} is ${value}, which JSON has no number for`);
      return JSON.stringify(value);
    case "object":
      return stringifyObject(value, path, where);
    default:
      throw new FieldError(`${where} is ${describe(value)}, which JSON cannot hold`);
  }
}

function stringifyObject(value, path, where) {
  if (value === null) return "null";
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw new FieldError(`${where} is an invalid date`);
    return `"${value.toISOString()}"`;
  }
  if (Array.isArray(value) || value instanceof Set)
    return `[${[...value].map((item, index) => stringify(item, `${path}[${index}]`)).join(",")}]`;
  const entries = value instanceof Map ? [...value] : Object.entries(value).filter(([, item]) => item !== undefined);
  return `{${entries.map(([key, item]) => `${JSON.stringify(String(key))}:${stringify(item, join(path, key))}`).join(",")}}`;
}

export function join(path, name) {
  return path === "" ? name : `${path}.${name}`;
}

/** What a value is, for messages. */
export function describe(value) {
  if (value === null) return "null";
  if (value === undefined) return "missing";
  if (Array.isArray(value)) return "an array";
  if (value instanceof Decimal) return `the number ${value.text}`;
  switch (typeof value) {
    case "string":
      return value.length <= 40 ? `the string ${JSON.stringify(value)}` : "a string";
    case "number":
    case "bigint":
      return `the number ${value}`;
    case "boolean":
      return String(value);
    case "object":
      return "an object";
    default:
      return `a ${typeof value}`;
  }
}

/** A value that does not fit its field; the message names the field by its path. */
export class FieldError extends Error {
  name = "FieldError";
}
