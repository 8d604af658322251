/* Tests of an aggregate's rules, in an ordinary native program: given events, when a command comes, then events (or a
 * refusal). Commands, events and refusals are written as they are stored:
 *
 *   thalo_given(&counter);
 *   thalo_event("Incremented", "{\"amount\":5}");
 *   thalo_when("Decrement", "{\"amount\":6}");
 *   thalo_then_rejected("{\"type\":\"BelowZero\",\"count\":5,\"amount\":6}");
 *
 * An aggregate with snapshots is also put through one before each command, and a handler that changes the state is
 * found out; behind pointers, where the snapshot has what they point to. What nothing is expected of fails, too: each
 * thalo_given needs a thalo_when or thalo_check_state, each thalo_when one of the thalo_then or thalo_check_state. A
 * failed expectation is printed with its line; thalo_end() returns 1 then, for main to return. */
#ifndef THALO_TEST_H
#define THALO_TEST_H

#include "thalo.h"

typedef struct {
  const thalo_aggregate* aggregate;
  void* state;
  size_t events;
  thalo_call call;
  thalo_buffer got;    /* what the last command came to, a line each */
  const char* command; /* null: none yet */
  /* Where the last thalo_given or thalo_when is, of which nothing has been expected; null: something has. */
  const char* unproven_file;
  int unproven_line;
  thalo_context context;
  int failures;
} thalo_test;

/* One test runs at a time. */
static thalo_test thalo_tested;

static inline void thalo_test_fail(const char* file, int line, const char* what, thalo_text detail) {
  fprintf(stderr, "%s:%d: %s%.*s\n", file, line, what, (int)detail.size, detail.size == 0 ? "" : detail.data);
  thalo_tested.failures++;
}

static inline void* thalo_test_new(void) {
  void* state = calloc(1, thalo_tested.aggregate->size > 0 ? thalo_tested.aggregate->size : 1);
  if (state == NULL) thalo_out_of_memory();
  return state;
}

static inline void thalo_test_drop(void* state) {
  if (state == NULL) return;
  if (thalo_tested.aggregate->destroy != NULL) thalo_tested.aggregate->destroy(state);
  free(state);
}

/* A test goes on, from a place of which something is to be expected. */
static inline void thalo_test_go_on(const char* file, int line) {
  if (thalo_tested.unproven_file != NULL)
    thalo_test_fail(thalo_tested.unproven_file, thalo_tested.unproven_line,
                    thalo_tested.command == NULL ? "nothing is done with this thalo_given: where is the thalo_when?"
                                                 : "nothing is expected of this thalo_when: where is the thalo_then?",
                    thalo_c_string(""));
  thalo_tested.unproven_file = file;
  thalo_tested.unproven_line = line;
}

static inline void thalo_test_given(const thalo_aggregate* aggregate, const char* file, int line) {
  const char* missing = thalo_missing(aggregate);
  if (missing != NULL) {
    fprintf(stderr, "%s\n", missing);
    exit(1);
  }
  thalo_test_go_on(file, line);
  thalo_tested.command = NULL;
  thalo_test_drop(thalo_tested.state);
  thalo_tested.aggregate = aggregate;
  thalo_tested.state = thalo_test_new();
  thalo_tested.events = 0;
  thalo_tested.context = (thalo_context){.id = thalo_c_string("test"), .time_ms = 946684800000u};
}

/* What surrounds the next commands. */
static inline void thalo_with_context(thalo_context context) { thalo_tested.context = context; }

static inline void thalo_test_apply(thalo_text type, thalo_text payload, const char* file, int line) {
  if (thalo_run_apply(thalo_tested.aggregate, thalo_tested.state, type, payload, &thalo_tested.call) != thalo_succeeded)
    thalo_test_fail(file, line, "an event cannot be applied: ", thalo_text_of(&thalo_tested.call.failure));
  thalo_call_done(&thalo_tested.call);
  thalo_tested.events++;
}

/* The state as its snapshot has it; to be freed by the caller. */
static inline thalo_buffer thalo_test_snapshot(const char* file, int line) {
  thalo_buffer text = {NULL, 0, 0};
  if (!thalo_run_snapshot(thalo_tested.aggregate, thalo_tested.state, &thalo_tested.call))
    thalo_test_fail(file, line, "the snapshot fails: ", thalo_text_of(&thalo_tested.call.failure));
  thalo_append(&text, thalo_tested.call.answer.text.data, thalo_tested.call.answer.text.size);
  thalo_call_done(&thalo_tested.call);
  return text;
}

static inline void thalo_test_through_snapshot(const char* file, int line) {
  thalo_buffer before = thalo_test_snapshot(file, line);
  thalo_test_drop(thalo_tested.state);
  thalo_tested.state = thalo_test_new();
  if (!thalo_run_restore(thalo_tested.aggregate, thalo_tested.state, thalo_text_of(&before), &thalo_tested.call))
    thalo_test_fail(file, line, "the snapshot cannot be restored: ", thalo_text_of(&thalo_tested.call.failure));
  thalo_call_done(&thalo_tested.call);
  thalo_buffer after = thalo_test_snapshot(file, line);
  if (!thalo_equal(thalo_text_of(&before), thalo_text_of(&after)))
    thalo_test_fail(file, line, "a restored snapshot is another: ", thalo_text_of(&after));
  free(before.data);
  free(after.data);
}

static inline void thalo_test_when(const char* name, const char* payload, const char* file, int line) {
  thalo_test* test = &thalo_tested;
  const bool snapshots = test->aggregate->snapshot_format != NULL;
  if (test->command == NULL) test->unproven_file = NULL; /* what was given is put to use */
  thalo_test_go_on(file, line);
  if (snapshots) thalo_test_through_snapshot(file, line);
  thalo_buffer before = snapshots ? thalo_test_snapshot(file, line) : (thalo_buffer){NULL, 0, 0};
  test->context.version = test->events;
  test->command = name;
  test->got.size = 0;
  const thalo_outcome outcome = thalo_run_handle(test->aggregate, test->state, thalo_c_string(name),
                                                 thalo_c_string(payload), &test->context, &test->call);
  /* The answer is kept while its events are applied by calls of their own. */
  const thalo_answer answer = test->call.answer;
  memset(&test->call.answer, 0, sizeof test->call.answer);
  if (outcome == thalo_failed_command) thalo_append_c(&test->got, "rejected: ");
  if (outcome == thalo_failed_command) thalo_append(&test->got, answer.text.data, answer.text.size);
  if (outcome != thalo_failed_command && outcome != thalo_succeeded) {
    thalo_append_c(&test->got, "failed: ");
    thalo_append(&test->got, test->call.failure.data, test->call.failure.size);
  }
  thalo_call_done(&test->call);
  if (snapshots) {
    thalo_buffer after = thalo_test_snapshot(file, line);
    if (!thalo_equal(thalo_text_of(&before), thalo_text_of(&after)))
      thalo_test_fail(file, line, "handle changed the state; only apply may: ", thalo_text_of(&after));
    free(after.data);
  }
  for (size_t index = 0; outcome == thalo_succeeded && index < answer.events_count; index++) {
    const thalo_text type = thalo_c_string(answer.events[index].type);
    const thalo_text event = {answer.text.data + answer.events[index].begin, answer.events[index].size};
    if (index > 0) thalo_append_c(&test->got, "\n");
    thalo_append(&test->got, type.data, type.size);
    thalo_append_c(&test->got, " ");
    thalo_append(&test->got, event.data, event.size);
    thalo_test_apply(type, event, file, line);
  }
  free(before.data);
  free(answer.text.data);
  free(answer.events);
  free(answer.keys.slots);
}

static inline void thalo_test_expect(const char* prefix, const char* expected, const char* file, int line) {
  thalo_tested.unproven_file = NULL;
  if (thalo_tested.command == NULL) {
    thalo_test_fail(file, line,
                    "there is no thalo_when since thalo_given, of which to expect: ", thalo_c_string(expected));
    return;
  }
  thalo_buffer wanted = {NULL, 0, 0};
  thalo_append_c(&wanted, prefix);
  thalo_append_c(&wanted, expected);
  if (!thalo_equal(thalo_text_of(&wanted), thalo_text_of(&thalo_tested.got))) {
    thalo_append_c(&wanted, "\n  but got: ");
    thalo_append(&wanted, thalo_tested.got.data, thalo_tested.got.size);
    fprintf(stderr, "%s: ", thalo_tested.command);
    thalo_test_fail(file, line, "expected: ", thalo_text_of(&wanted));
  }
  free(wanted.data);
}

static inline int thalo_end(void) {
  thalo_test_go_on(NULL, 0);
  thalo_test_drop(thalo_tested.state);
  free(thalo_tested.got.data);
  free(thalo_tested.call.failure.data);
  const int failures = thalo_tested.failures;
  memset(&thalo_tested, 0, sizeof thalo_tested);
  return failures > 0 ? 1 : 0;
}

/* Begins with a fresh entity. */
#define thalo_given(aggregate) thalo_test_given(aggregate, __FILE__, __LINE__)
/* The entity's past. */
#define thalo_event(type, payload) thalo_test_apply(thalo_c_string(type), thalo_c_string(payload), __FILE__, __LINE__)
#define thalo_when(command, payload) thalo_test_when(command, payload, __FILE__, __LINE__)
/* Exactly these events: `Type {…}`, one a line. They have happened then. */
#define thalo_then(events) thalo_test_expect("", events, __FILE__, __LINE__)
#define thalo_then_nothing() thalo_test_expect("", "", __FILE__, __LINE__)
#define thalo_then_rejected(error) thalo_test_expect("rejected: ", error, __FILE__, __LINE__)
/* The command or its answer is invalid: a missing field, an unknown name. */
#define thalo_then_failed(reason) thalo_test_expect("failed: ", reason, __FILE__, __LINE__)
/* Anything else about the state; `state` is a pointer to it. */
#define thalo_check_state(type, condition)                                                             \
  do {                                                                                                 \
    const type* state = (const type*)thalo_tested.state;                                               \
    thalo_tested.unproven_file = NULL;                                                                 \
    if (!(condition)) thalo_test_fail(__FILE__, __LINE__, "not so: " #condition, (thalo_text){"", 0}); \
  } while (0)

#endif
