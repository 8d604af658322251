/* The list's rules, natively: no runtime, no WebAssembly. */
#include "todos.c"

#include <stdio.h>
#include <thalo_test.h>

static void every_command_names_an_item_that_is_not_there(void) {
  const char *commands[] = {"RenameTodo", "CompleteTodo", "ReopenTodo", "RemoveTodo"};
  thalo_given(&todos);
  for (size_t at = 0; at < 4; at++) {
    thalo_when(commands[at], "{\"id\":\"milk\",\"title\":\"y\"}");
    thalo_then_rejected("{\"type\":\"TodoNotFound\",\"id\":\"milk\"}");
  }
}

static void adds_renames_completes_and_reopens(void) {
  thalo_given(&todos);
  thalo_when("AddTodo", "{\"id\":\"milk\",\"title\":\"\"}");
  thalo_then_rejected("{\"type\":\"EmptyTitle\"}");
  thalo_when("AddTodo", "{\"id\":\"milk\",\"title\":\"Buy milk\"}");
  thalo_then("TodoAdded {\"id\":\"milk\",\"title\":\"Buy milk\"}");
  thalo_when("AddTodo", "{\"id\":\"milk\",\"title\":\"Again\"}");
  thalo_then_rejected("{\"type\":\"TodoAlreadyExists\",\"id\":\"milk\"}");
  thalo_when("RenameTodo", "{\"id\":\"milk\",\"title\":\"\"}");
  thalo_then_rejected("{\"type\":\"EmptyTitle\"}");
  thalo_when("RenameTodo", "{\"id\":\"milk\",\"title\":\"Oats\"}");
  thalo_then("TodoRenamed {\"id\":\"milk\",\"title\":\"Oats\"}");
  thalo_when("RenameTodo", "{\"id\":\"milk\",\"title\":\"Oats\"}");
  thalo_then_nothing();
  thalo_when("ReopenTodo", "{\"id\":\"milk\"}");
  thalo_then_nothing();
  thalo_when("CompleteTodo", "{\"id\":\"milk\"}");
  thalo_then("TodoCompleted {\"id\":\"milk\"}");
  thalo_when("CompleteTodo", "{\"id\":\"milk\"}");
  thalo_then_nothing();
  thalo_when("ReopenTodo", "{\"id\":\"milk\"}");
  thalo_then("TodoReopened {\"id\":\"milk\"}");
  thalo_when("RemoveTodo", "{\"id\":\"milk\"}");
  thalo_then("TodoRemoved {\"id\":\"milk\"}");
}

static void clears_everything_that_is_done_at_once(void) {
  thalo_given(&todos);
  thalo_when("ClearCompleted", "{}");
  thalo_then_nothing();
  thalo_event("TodoAdded", "{\"id\":\"c\",\"title\":\"z\"}");
  thalo_event("TodoAdded", "{\"id\":\"b\",\"title\":\"y\"}");
  thalo_event("TodoAdded", "{\"id\":\"a\",\"title\":\"x\"}");
  thalo_event("TodoCompleted", "{\"id\":\"a\"}");
  thalo_event("TodoCompleted", "{\"id\":\"c\"}");
  thalo_when("ClearCompleted", "{}");
  thalo_then("TodoRemoved {\"id\":\"a\"}\nTodoRemoved {\"id\":\"c\"}");
  thalo_check_state(Todos, state->count == 1);
}

static void holds_a_thousand_items(void) {
  thalo_given(&todos);
  for (int number = 0; number < 1000; number++) {
    char payload[64];
    snprintf(payload, sizeof payload, "{\"id\":\"t%d\",\"title\":\"x\"}", number);
    thalo_event("TodoAdded", payload);
  }
  thalo_when("AddTodo", "{\"id\":\"new\",\"title\":\"x\"}");
  thalo_then_rejected("{\"type\":\"TooManyTodos\",\"most\":1000}");
}

int main(void) {
  every_command_names_an_item_that_is_not_there();
  adds_renames_completes_and_reopens();
  clears_everything_that_is_done_at_once();
  holds_a_thousand_items();
  return thalo_end();
}
