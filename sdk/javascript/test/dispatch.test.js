import { spawnSync } from "node:child_process";
import assert from "node:assert/strict";
import { test } from "node:test";
import { Description } from "../src/dispatch.js";
import { log, logTo } from "../src/log.js";
import { optional, reject, string, uint64 } from "../src/index.js";
import { given } from "../src/testing.js";

class Thing {
  static commands = { Do: { how: string }, Set: { value: uint64 } };
  static events = { Done: { how: string, note: optional(string) }, WasSet: { value: uint64 } };
  static snapshotFormat = "thing-1";
  static state = { value: uint64, note: optional(string) };
  value = 0n;
  note = undefined;
  handle(command, context) {
    if (command.type === "Set") return { type: "WasSet", value: command.value };
    switch (command.how) {
      case "reject":
        reject({ type: "No", value: this.value });
      case "text":
        reject("closed");
      case "throw":
        throw new Error("closed");
      case "bug":
        return undefined.x;
      case "unknown":
        return { type: "Unheard" };
      case "incomplete":
        return { type: "Done" };
      case "async":
        return Promise.resolve([]);
      case "change":
        this.value += 1n;
        return;
      case "context":
        return { type: "Done", how: JSON.stringify(context.metadata), note: context.time.toISOString() };
    }
    return [{ type: "Done", how: command.how }];
  }
  apply(event) {
    if (event.type === "WasSet") this.value = event.value;
    else if (event.how === "unappliable") throw new Error("cannot");
  }
}

const description = new Description(Thing);
const quietly = (call) => {
  const lines = [];
  logTo((level, line) => lines.push(`${level}: ${line}`));
  call();
  return lines;
};
const failing = (how) => {
  try {
    description.handle(description.create("a"), "Do", JSON.stringify({ how }), {});
  } catch (failure) {
    return [failure.tag, failure.subject, failure.message];
  }
};

test("an error refuses the command, one of the language's own is a mistake; both are logged with their place", () => {
  assert.deepEqual(failing("reject"), ["command", "No", '{"type":"No","value":0}']);
  assert.deepEqual(failing("text"), ["command", "Rejected", '{"type":"Rejected","message":"closed"}']);
  const lines = quietly(() => {
    assert.deepEqual(failing("throw"), ["command", "Error", '{"type":"Error","message":"closed"}']);
    const [tag, type, message] = failing("bug");
    assert.deepEqual([tag, type], ["serialize-error", "TypeError"]);
    assert.match(message, /^it is no refusal but a mistake in the code, its stack is in the log; handle threw it: .*undefined/);
    assert.match(failing("async")[2], /asynchronous/);
  });
  assert.equal(lines.length, 3);
  assert.match(lines[0], /^error: handle of Do threw Error: closed\n.*dispatch\.test\.js/s);
});

test("what a constructor throws is answered to every call and logged with its place", () => {
  class Unborn extends Thing {
    constructor() {
      super();
      undefined.x;
    }
  }
  const unborn = new Description(Unborn);
  let entity;
  const lines = quietly(() => (entity = unborn.createOrBroken("a")));
  assert.equal(lines.length, 1);
  assert.match(lines[0], /^error: the constructor of Unborn threw TypeError: .*\n.*dispatch\.test\.js/s);
  const said = /the constructor threw TypeError: .*undefined/;
  assert.throws(() => unborn.handle(entity, "Set", '{"value":1}', {}), { tag: "serialize-error", subject: "TypeError", message: said });
  assert.throws(() => unborn.apply(entity, "WasSet", '{"value":1}'), { tag: "deserialize-event", message: said });
  assert.throws(() => unborn.snapshot(entity), said);
  assert.throws(() => unborn.restore(entity, "{}"), said);
});

test("events that cannot be stored are the aggregate's failure, not the client's", () => {
  assert.deepEqual(failing("unknown"), ["serialize-event", "Unheard", "handle returned an event of the unknown type 'Unheard'; known are Done, WasSet"]);
  assert.deepEqual(failing("incomplete"), ["serialize-event", "Done", "Done: missing field `how`"]);
});

test("unknown and unreadable commands and events are named", () => {
  const entity = description.create("a");
  assert.throws(() => description.handle(entity, "Nope", "{}", {}), { tag: "deserialize-command", message: "unknown command; known are Do, Set" });
  assert.throws(() => description.handle(entity, "Set", '{"value":"1"}', {}), { tag: "deserialize-command" });
  assert.throws(() => description.apply(entity, "Nope", "{}"), { tag: "deserialize-event", subject: "Nope" });
  quietly(() => assert.throws(() => description.apply(entity, "Done", '{"how":"unappliable"}'), { tag: "deserialize-event", message: "cannot" }));
});

test("a snapshot restores every field, also one that became undefined", () => {
  const entity = description.create("a");
  entity.value = 2n ** 64n - 1n;
  const text = description.snapshot(entity);
  assert.equal(text, '{"value":18446744073709551615}');
  const restored = description.create("a");
  restored.note = "old";
  description.restore(restored, text);
  assert.deepEqual({ ...restored }, { value: 2n ** 64n - 1n, note: undefined });
});

test("a class that is no aggregate is told what it lacks", () => {
  class Bad {
    handle() {}
    apply() {}
  }
  const of = (parts) => () => new Description(Object.assign(class extends Bad {}, parts));
  assert.throws(() => new Description({}), /export default class/);
  assert.throws(() => new Description(class { apply() {} }), /has no method `handle`/);
  assert.throws(of({}), /does not say its commands/);
  assert.throws(of({ commands: { A: { type: string } }, events: { B: {} } }), /a field 'type'/);
  assert.throws(of({ commands: { A: { b: String } }, events: { B: {} } }), /no type of a field/);
  assert.throws(of({ commands: { A: {} }, events: { B: {} }, snapshotFormat: "x" }), /needs static state/);
});

test("the test kit finds what is not as expected", () => {
  const set = { type: "Set", value: 5n };
  given(Thing).when(set).thenEmits({ type: "WasSet", value: 5n });
  assert.throws(() => given(Thing).when(set).thenEmits({ type: "WasSet", value: 6n }), /expected\n {4}WasSet \{"value":6\}\n {2}but got\n {4}WasSet \{"value":5\}/);
  assert.throws(() => given(Thing).when(set).thenNothing(), /but got/);
  assert.throws(() => given(Thing).when(set).thenRejected("closed"), /but got/);
  assert.throws(() => given(Thing).when({ type: "Do", how: "change" }), /handle changed the entity/);
  assert.throws(() => given(Thing).when({ type: "Nope" }), /no command of Thing/);
  quietly(() => assert.throws(() => given(Thing).when({ type: "Do", how: "bug" }).thenRejected({ type: "TypeError" }), /failed: TypeError: it is no refusal/));
  given(Thing).whenJson("Set", '{"value":"x"}').thenInvalid("`value`");
  given(Thing).whenJson("Nope", "{}").thenInvalid("unknown command");
  given(Thing).whenJson("Set", '{"value":7}').thenEmits({ type: "WasSet", value: 7n });
  assert.throws(() => given(Thing).when(set).thenInvalid(), /expected\n {4}invalid: \n {2}but got\n {4}WasSet/);
  assert.throws(() => given(Thing).whenJson("Set", "{}").thenInvalid("`other`"), /expected\n {4}invalid: `other`\n {2}but got\n {4}invalid: missing field `value`/);
  given(Thing)
    .withContext({ metadata: { a: 1 }, timeMs: 0 })
    .when({ type: "Do", how: "context" })
    .thenEmits({ type: "Done", how: '{"a":1}', note: "1970-01-01T00:00:00.000Z" });
  class Forgetful extends Thing {
    static state = { note: optional(string) };
  }
  assert.throws(() => given(Forgetful, { type: "WasSet", value: 5n }).when(set), /restored from its snapshot differs.*: `value` was 5n and is 0n/);
  class Undeclared extends Thing {
    static state = { value: uint64, more: optional(string) };
  }
  given(Undeclared).when(set).thenEmits({ type: "WasSet", value: 5n });
});

test("what nothing is expected of fails the program that tests", () => {
  const program = (line) =>
    `import { given } from "./testing.js";
    class Thing { static commands = { Set: {} }; static events = { WasSet: {} }; handle() {} apply() {} }
    const set = { type: "Set" };
    ${line}`;
  const run = (line) => spawnSync(process.execPath, ["--input-type=module", "-e", program(line)], { cwd: new URL("../src/", import.meta.url), encoding: "utf8" });
  assert.equal(run("given(Thing).when(set).thenNothing(); given(Thing).when(set).state;").status, 0);
  for (const [line, told] of [
    ["given(Thing)", /nothing is done with this given: where is the when\?[^]*:4:/],
    ["given(Thing).when(set)", /nothing is expected of this when: where is the then\?[^]*:4:/],
    ['given(Thing).when(set).thenNothing(); given(Thing).whenJson("Set", "{}")', /nothing is expected of this when/],
  ]) {
    const { status, stderr } = run(line);
    assert.equal(status, 1);
    assert.match(stderr, told);
  }
});

test("an aggregate that asks the clock or chance is refused, and nobody else is", () => {
  const asking = (ask) =>
    class extends Thing {
      handle(command, context) {
        return { type: "WasSet", value: BigInt(ask(context)) };
      }
    };
  const asked = (ask) => given(asking(ask)).withContext({ timeMs: 5 }).when({ type: "Set", value: 1n });
  for (const ask of [() => Date.now(), () => new Date().getTime(), () => Date().length, () => Math.random(), () => performance.now(), () => new (class extends Date {})().getTime()])
    quietly(() => assert.throws(() => asked(ask).thenEmits({ type: "WasSet", value: 5n }), /is not for an aggregate.*context\.time in handle/));
  asked((context) => context.time.getTime()).thenEmits({ type: "WasSet", value: 5n });
  asked(() => (new Date(7) instanceof Date ? new Date(7).getTime() : 0)).thenEmits({ type: "WasSet", value: 7n });
  asked(() => Date.UTC(1970, 0, 1, 0, 0, 1)).thenEmits({ type: "WasSet", value: 1000n });
  class Applies extends Thing {
    apply() {
      this.value = BigInt(Date.now());
    }
  }
  quietly(() => assert.throws(() => given(Applies).when({ type: "Set", value: 1n }), /Date\.now\(\) is not for an aggregate/));
  class Begins extends Thing {
    value = BigInt(Date.now());
  }
  assert.throws(() => given(Begins).when({ type: "Set", value: 1n }), /is not for an aggregate/);
  assert.ok(Date.now() > 0 && new Date() instanceof Date && Math.random() >= 0 && performance.now() >= 0);
  assert.equal(Object.hasOwn(performance, "now"), false);
});

test("log lines hold anything", () => {
  assert.deepEqual(quietly(() => log.info("a", { b: 1n }, undefined)), ['info: a {"b":"1"} undefined']);
});
