import assert from "node:assert/strict";
import { test } from "node:test";
import { array, boolean, date, int, int64, json, map, number, oneOf, optional, string, uint, uint64 } from "../src/index.js";
import { fieldOf } from "../src/fields.js";
import { parse } from "../src/json.js";

const read = (field, text) => fieldOf(field).decode(parse(text), "");
const written = (field, value) => fieldOf(field).encode(value, "");
const refused = (field, text, message) => assert.throws(() => read(field, text), { message });

test("whole numbers are exact at the edges of 2^53 and 2^64", () => {
  for (const text of ["0", "9007199254740991", "9007199254740992", "9007199254740993", "18446744073709551615"]) {
    assert.equal(read(uint64, text), BigInt(text));
    assert.equal(written(uint64, BigInt(text)), text);
  }
  assert.equal(read(int64, "-9223372036854775808"), -(2n ** 63n));
  assert.equal(read(uint, "9007199254740991"), Number.MAX_SAFE_INTEGER);
  refused(uint64, "18446744073709551616", "the payload must be a whole number from 0 to 18446744073709551615, but is the number 18446744073709551616");
  refused(uint64, "-1", /must be a whole number/);
  refused(uint64, "1.5", /must be a whole number/);
  refused(uint64, '"1"', /but is the string "1"/);
  refused(uint, "9007199254740992", /from 0 to 9007199254740991/);
  refused(int, "-9007199254740993", /but is the number -9007199254740993/);
  assert.throws(() => written(uint64, -1n), /must be a whole number/);
  assert.equal(written(uint64, 7), "7");
});

test("a whole number is written without fraction and exponent, whatever else is in the text", () => {
  const fields = { row: uint64, price: number, any: json };
  assert.deepEqual(read(fields, '{"row":1,"price":2.0,"any":[1e3,-4.00]}'), { row: 1n, price: 2, any: [1000, -4] });
  for (const one of ["1.0", "1e2", "1.5e1", "-0.0", "2E0"]) {
    for (const type of [uint64, int64, uint, int]) refused({ row: type }, `{"row": ${one}}`, new RegExp(`^field \`row\` must be a whole number .*, but is the number ${one}$`));
    refused(array(uint), `[0,${one}]`, /field `\[1\]` must be a whole number/);
    refused(uint64, one, /must be a whole number/);
    refused({ row: string }, `{"row":${one}}`, /must be a string, but is the number/);
    refused({ row: map(uint) }, `{"row":${one}}`, /must be an object, but is the number/);
    assert.equal(read(number, one), Number(one));
  }
  assert.equal(read(number, "1.25e1"), 12.5);
  assert.equal(read(string, '"at 12:3e4, 5.0"'), "at 12:3e4, 5.0");
});

test("large numbers elsewhere in a text do not disturb it", () => {
  const fields = { a: array({ b: string, c: optional(number) }), d: json };
  const text = '{ "a" : [ {"b":"\\"}\\\\","c":1.5e3}, {"b":"1234567890123456789"} ], "d" : {"10":1,"a":[true,null,18446744073709551615]} }';
  assert.deepEqual(read(fields, text), {
    a: [
      { b: '"}\\', c: 1500 },
      { b: "1234567890123456789", c: undefined },
    ],
    d: { 10: 1, a: [true, null, 18446744073709551615n] },
  });
  const wrong = ["1234567890123456789x", "[1234567890123456789", '{"a":1234567890123456789,}', '"1234567890123456789', "[01234567890123456789]"];
  for (const one of wrong) assert.throws(() => parse(one), SyntaxError, one);
  assert.throws(() => parse("[".repeat(200) + "1234567890123456"), /nested deeper than 128/);
});

test("a field that is missing or mistyped is named by its path", () => {
  const fields = { lines: array({ cents: uint64, tags: map(string) }), open: boolean };
  refused(fields, '{"open":true,"lines":[{"cents":1,"tags":{}},{"tags":{}}]}', "missing field `lines[1].cents`");
  refused(fields, '{"open":true,"lines":[{"cents":1,"tags":{"a":5}}]}', "field `lines[0].tags.a` must be a string, but is the number 5");
  refused(fields, '{"open":1,"lines":[]}', "field `open` must be true or false, but is the number 1");
  refused(fields, "[]", "the payload must be an object, but is an array");
  refused(fields, "null", "the payload must be an object, but is null");
  refused({ constructor: string }, "{}", "missing field `constructor`");
});

test("a map keeps the order of its text, also where JavaScript would not", () => {
  const items = new Map([["b", 1n], ["10", 2n], ["9", 3n], ["__proto__", 4n]]);
  const text = written(map(uint64), items);
  assert.equal(text, '{"b":1,"10":2,"9":3,"__proto__":4}');
  assert.deepEqual([...read(map(uint64), text)], [...items]);
});

test("texts, times and choices", () => {
  assert.equal(read(string, '"ünï\\ud83d\\ude00\\u0000"'), "ünï😀\0");
  assert.throws(() => written(string, "\ud83d"), /half of a surrogate pair/);
  assert.equal(written(date, read(date, '"2026-01-31T12:00:00+01:00"')), '"2026-01-31T11:00:00.000Z"');
  refused(date, '"tomorrow"', /must be a time/);
  assert.equal(read(oneOf("open", "done"), '"done"'), "done");
  refused(oneOf("open", "done"), '"gone"', 'the payload must be one of "open", "done", but is the string "gone"');
  assert.throws(() => written(number, NaN), /must be|JSON has no number for/);
});
