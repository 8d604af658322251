// The list's rules, natively: no runtime, no WebAssembly.
import assert from "node:assert/strict";
import { test } from "node:test";
import { given } from "@thalo/aggregate/testing";
import Todos from "./todos.js";

const added = (id, title = "x") => ({ type: "TodoAdded", id, title });
const completed = (id) => ({ type: "TodoCompleted", id });

test("adds an item once", () => {
  given(Todos).when({ type: "AddTodo", id: "milk", title: "Buy milk" }).thenEmits(added("milk", "Buy milk"));
  given(Todos, added("milk"))
    .when({ type: "AddTodo", id: "milk", title: "Again" })
    .thenRejected({ type: "TodoAlreadyExists", id: "milk" });
  given(Todos, added("milk"), { type: "TodoRemoved", id: "milk" })
    .when({ type: "AddTodo", id: "milk", title: "Again" })
    .thenEmits(added("milk", "Again"));
});

test("an item has a title", () => {
  given(Todos).when({ type: "AddTodo", id: "milk", title: "" }).thenRejected({ type: "EmptyTitle" });
  const one = given(Todos, added("milk"));
  one.when({ type: "RenameTodo", id: "milk", title: "" }).thenRejected({ type: "EmptyTitle" });
  one.when({ type: "RenameTodo", id: "milk", title: "y" }).thenEmits({ type: "TodoRenamed", id: "milk", title: "y" });
  one.when({ type: "RenameTodo", id: "milk", title: "x" }).thenNothing();
});

test("every command names an item that is not there", () => {
  const missing = { type: "TodoNotFound", id: "milk" };
  given(Todos).when({ type: "RenameTodo", id: "milk", title: "y" }).thenRejected(missing);
  given(Todos).when({ type: "CompleteTodo", id: "milk" }).thenRejected(missing);
  given(Todos).when({ type: "ReopenTodo", id: "milk" }).thenRejected(missing);
  given(Todos).when({ type: "RemoveTodo", id: "milk" }).thenRejected(missing);
});

test("completing twice is nothing to do", () => {
  given(Todos, added("milk")).when(complete()).thenEmits(completed("milk"));
  given(Todos, added("milk"), completed("milk")).when(complete()).thenNothing();
  given(Todos, added("milk"), completed("milk")).when({ type: "ReopenTodo", id: "milk" }).thenEmits({ type: "TodoReopened", id: "milk" });
  given(Todos, added("milk")).when({ type: "ReopenTodo", id: "milk" }).thenNothing();
  function complete() {
    return { type: "CompleteTodo", id: "milk" };
  }
});

test("clears everything that is done at once, in the order of the ids", () => {
  const { state } = given(Todos, added("c"), added("b"), added("a"), completed("a"), completed("c"))
    .when({ type: "ClearCompleted" })
    .thenEmits({ type: "TodoRemoved", id: "a" }, { type: "TodoRemoved", id: "c" });
  assert.deepEqual([...state.items.keys()], ["b"]);
  given(Todos, added("b")).when({ type: "ClearCompleted" }).thenNothing();
});

test("holds a thousand items", () => {
  const full = Array.from({ length: 1000 }, (_, index) => added(`t${index}`));
  given(Todos, full).when({ type: "AddTodo", id: "new", title: "x" }).thenRejected({ type: "TooManyTodos", most: 1000 });
});
