/* Behind thalo.h: the way from texts to an aggregate and back, and (for wasm32) the exports. */
#ifndef THALO_IMPL_H
#define THALO_IMPL_H

#include "thalo_memory.h"
#include "thalo_read.h"
#include "thalo_write.h"

/* ---- helpers ---- */

static inline thalo_text thalo_c_string(const char* text) {
  thalo_text whole = {text, text == NULL ? 0 : strlen(text)};
  return whole;
}

static inline bool thalo_equal(thalo_text a, thalo_text b) {
  return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool thalo_text_is(thalo_text text, const char* other) {
  return thalo_equal(text, thalo_c_string(other));
}

static inline thalo_text thalo_copy(thalo_text text) {
  char* data = (char*)malloc(text.size + 1);
  if (data == NULL) thalo_out_of_memory();
  if (text.size > 0) memcpy(data, text.data, text.size);
  data[text.size] = '\0';
  thalo_text copy = {data, text.size};
  return copy;
}

/* ---- from texts to an aggregate and back ---- */

/* What an aggregate cannot do without and has not; null: it is whole. */
static inline const char* thalo_missing(const thalo_aggregate* aggregate) {
  if (aggregate->handle == NULL) return "the thalo_aggregate has no .handle, the function that decides";
  if (aggregate->apply == NULL) return "the thalo_aggregate has no .apply, the function that changes the state";
  if (aggregate->snapshot_format == NULL) return NULL;
  if (aggregate->snapshot == NULL) return "the thalo_aggregate has a .snapshot_format but no .snapshot";
  if (aggregate->restore == NULL) return "the thalo_aggregate has a .snapshot_format but no .restore";
  return NULL;
}

typedef enum {
  thalo_failed_command,
  thalo_failed_deserialize_command,
  thalo_failed_deserialize_context,
  thalo_failed_deserialize_event,
  thalo_failed_serialize_error,
  thalo_failed_serialize_event,
  thalo_succeeded
} thalo_outcome;

/* What one call reads and answers; emptied by thalo_call_done. */
typedef struct {
  thalo_reading reading;
  thalo_answer answer;
  thalo_buffer failure; /* the message of a failure that is not `command` */
} thalo_call;

static inline void thalo_call_done(thalo_call* call) {
  thalo_release(&call->reading.arena);
  call->reading.problem[0] = '\0';
  call->reading.names_count = 0;
  call->reading.matched = false;
  free(call->answer.text.data);
  free(call->answer.events);
  free(call->answer.keys.slots);
  free(call->reading.keys.slots);
  memset(&call->reading.keys, 0, sizeof call->reading.keys);
  memset(&call->answer, 0, sizeof call->answer);
  call->failure.size = 0;
}

/* Gives the message the object that the text must be; `what` is "payload" or "metadata". */
static inline bool thalo_open_object(thalo_message* message, const char* what, thalo_text json) {
  if (!thalo_is_json(json)) {
    thalo_problem(message->reading, "the %s is no JSON, or nested deeper than %d", what, THALO_DEPTH_MAX);
    return false;
  }
  thalo_cursor cursor = {json.data, json.data + json.size};
  thalo_space(&cursor);
  if (*cursor.at != '{') {
    thalo_problem(message->reading, "the %s must be an object, but is %.*s", what,
                  (int)thalo_whole_letters(json.data, json.size, 40), json.data);
    return false;
  }
  message->json = (thalo_text){cursor.at, (size_t)(cursor.end - cursor.at)};
  return true;
}

static inline bool thalo_open_message(thalo_call* call, thalo_text name, thalo_text json, thalo_message* message) {
  *message = (thalo_message){name, json, "", &call->reading};
  return thalo_open_object(message, "payload", json);
}

static inline thalo_message thalo_metadata(const thalo_message* command, const thalo_context* context) {
  thalo_message metadata = {command->name, {"{}", 2}, "metadata", command->reading};
  if (context->metadata.size > 0) thalo_open_object(&metadata, "metadata", context->metadata);
  return metadata;
}

/* Whether what was read was in order; `what` is "command" or "event". */
static inline bool thalo_read_well(thalo_call* call, const char* what) {
  thalo_reading* reading = &call->reading;
  if (!reading->matched && reading->problem[0] == '\0') {
    thalo_append_c(&call->failure, "unknown ");
    thalo_append_c(&call->failure, what);
    thalo_append_c(&call->failure, "; known are ");
    for (size_t index = 0; index < reading->names_count; index++) {
      if (index > 0) thalo_append_c(&call->failure, ", ");
      thalo_append_c(&call->failure, reading->names[index]);
    }
    return false;
  }
  thalo_append_c(&call->failure, reading->problem);
  return reading->problem[0] == '\0';
}

/* How many bytes of the state are looked after while handle runs; natively, in tests, practically all. */
#ifdef __wasm__
#define THALO_WATCHED_MAX 4096
#else
#define THALO_WATCHED_MAX (1u << 20)
#endif

/* Calls handle. False: it changed the state, which is as it was again. */
static inline bool thalo_decide(const thalo_aggregate* aggregate, void* state, const thalo_message* command,
                                const thalo_context* context, thalo_call* call) {
  const size_t size = aggregate->size < THALO_WATCHED_MAX ? aggregate->size : THALO_WATCHED_MAX;
  void* before = thalo_take(&call->reading.arena, size);
  memcpy(before, state, size);
  aggregate->handle(state, command, context, &call->answer);
  if (memcmp(before, state, size) == 0) return true;
  memcpy(state, before, size);
  thalo_append_c(&call->failure, "handle changed the state, which only apply may");
  return false;
}

static inline thalo_outcome thalo_run_handle(const thalo_aggregate* aggregate, void* state, thalo_text name,
                                             thalo_text payload, const thalo_context* context, thalo_call* call) {
  thalo_message command;
  if (!thalo_open_message(call, name, payload, &command))
    call->reading.matched = true;
  else if (!thalo_decide(aggregate, state, &command, context, call))
    return thalo_failed_serialize_event;
  if (!thalo_read_well(call, "command")) return thalo_failed_deserialize_command;
  thalo_finish(&call->answer);
  if (call->answer.problem[0] != '\0') {
    thalo_append_c(&call->failure, call->answer.problem);
    return call->answer.rejection != NULL ? thalo_failed_serialize_error : thalo_failed_serialize_event;
  }
  return call->answer.rejection != NULL ? thalo_failed_command : thalo_succeeded;
}

static inline thalo_outcome thalo_run_apply(const thalo_aggregate* aggregate, void* state, thalo_text name,
                                            thalo_text payload, thalo_call* call) {
  thalo_message event;
  if (thalo_open_message(call, name, payload, &event))
    aggregate->apply(state, &event);
  else
    call->reading.matched = true;
  return thalo_read_well(call, "event") ? thalo_succeeded : thalo_failed_deserialize_event;
}

/* False: call->failure says why. The snapshot is call->answer.text. */
static inline bool thalo_run_snapshot(const thalo_aggregate* aggregate, const void* state, thalo_call* call) {
  thalo_begin(&call->answer);
  aggregate->snapshot(state, &call->answer);
  thalo_finish(&call->answer);
  thalo_append_c(&call->failure, call->answer.problem);
  return call->answer.problem[0] == '\0';
}

static inline bool thalo_run_restore(const thalo_aggregate* aggregate, void* state, thalo_text json, thalo_call* call) {
  thalo_message snapshot;
  if (thalo_open_message(call, thalo_c_string("snapshot"), json, &snapshot)) aggregate->restore(state, &snapshot);
  thalo_append_c(&call->failure, call->reading.problem);
  return call->reading.problem[0] == '\0';
}

#ifdef __wasm__
#include "thalo_abi.h"
#else
static inline void thalo_log(const char* line) { fprintf(stderr, "info: %s\n", line); }
/* Natively the aggregate is what the tests include. */
#define THALO_EXPORT(aggregate)
#endif

#endif
