/* Write aggregates in C: the rules of an event-sourced entity, which Thalo runs as WebAssembly.
 *
 * An aggregate is a struct for its state and two functions, named in a `thalo_aggregate` and exported by one line:
 *
 *   static void handle(const void *state, const thalo_message *command,
 *                      const thalo_context *context, thalo_answer *answer);
 *
 *   static void apply(void *state, const thalo_message *event);
 *
 *   const thalo_aggregate counter = {
 *       .size = sizeof(Counter), .handle = handle, .apply = apply};
 *
 *   THALO_EXPORT(counter)
 *
 * `handle` decides: it looks at the state, changes nothing (a command whose handler does is not carried out), and says
 * what happens (thalo_emit) or refuses (thalo_reject). `apply` follows: it changes the state and decides nothing; it
 * also runs for every stored event.
 *
 * A field that a function asks for and that is missing or of another type makes the whole command (or event) invalid,
 * so the reading functions return a value in any case: 0, false, "" or nothing to go through, and the function goes on.
 * Where that could do harm (a division), `if (thalo_failed(command)) return;` comes first. A name that no thalo_is
 * asked for makes the command invalid, too. Texts that are read live until the function returns. C11; this file
 * includes the implementation. */
#ifndef THALO_H
#define THALO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* UTF-8, not closed by a zero; may hold zeros. */
typedef struct {
  const char* data;
  size_t size;
} thalo_text;

/* A command, an event, a snapshot, or an object in one of these: a name and fields. */
typedef struct thalo_message thalo_message;
/* Where fields are written: an event, a refusal, a snapshot. */
typedef struct thalo_answer thalo_answer;

/* What a handler may know about a command besides its content. Whatever of it matters later belongs into an event. */
typedef struct {
  thalo_text id;         /* the entity's */
  thalo_text command_id; /* the client's, or empty */
  uint64_t time_ms;      /* when the runtime received the command, since the Unix epoch */
  uint64_t version;      /* how many events the entity has */
  thalo_text correlation_id;
  thalo_text causation_id;
  thalo_text metadata; /* the client's own: a JSON object, or empty; thalo_metadata reads it */
} thalo_context;

typedef struct {
  size_t size; /* of the state, which begins as zeros */
  void (*handle)(const void* state, const thalo_message* command, const thalo_context* context, thalo_answer* answer);
  void (*apply)(void* state, const thalo_message* event);
  void (*destroy)(void* state); /* frees what the state points to; may be null */
  /* Snapshots let the runtime skip the replay of long streams. The format is a name for their shape, another one
   * whenever it changes; "" binds them to the very build; null: none. The two write and read what the state is made of.
   */
  const char* snapshot_format;
  void (*snapshot)(const void* state, thalo_answer* snapshot);
  void (*restore)(void* state, const thalo_message* snapshot);
} thalo_aggregate;

/* ---- reading ---- */

static inline bool thalo_is(const thalo_message* message, const char* name);
static inline uint64_t thalo_u64(const thalo_message* message, const char* field); /* 0 to 2^64 - 1, exact */
static inline int64_t thalo_i64(const thalo_message* message, const char* field);
static inline double thalo_double(const thalo_message* message, const char* field);
static inline bool thalo_bool(const thalo_message* message, const char* field);
static inline thalo_text thalo_string(const thalo_message* message, const char* field);
/* A string that is one of `names`, which ends with NULL: the index of the one it is. */
static inline size_t thalo_one_of(const thalo_message* message, const char* field, const char* const* names);
/* Whether an optional field is there and not null. */
static inline bool thalo_has(const thalo_message* message, const char* field);
/* Whether something that was read until now, here or in another message, was missing or mistyped. */
static inline bool thalo_failed(const thalo_message* message);
/* The field's JSON as it stands, for a JSON library of your own. */
static inline thalo_text thalo_json(const thalo_message* message, const char* field);
/* An object in a field, for its fields to be read. */
static inline thalo_message thalo_object(const thalo_message* message, const char* field);
/* What an array or an object with any keys (a map) holds, one after the other in the order of the text:
 *
 *   thalo_entries lines = thalo_array(command, "lines");
 *   while (thalo_next(&lines)) total += thalo_u64(&lines.value, "cents");
 *
 * After thalo_next there are `value` and its `index` (from 0), of a map's entry also its `key`. Fields are read from a
 * value that is an object; any value is itself read with NULL for the field: `thalo_string(&tags.value, NULL)`. To go
 * through them again, ask for the array or the map again. Objects, entries and values are good until handle (or apply,
 * or restore) returns; there is nothing to free. */
typedef struct thalo_entries thalo_entries;
static inline thalo_entries thalo_array(const thalo_message* message, const char* field);
static inline thalo_entries thalo_map(const thalo_message* message, const char* field);
static inline bool thalo_next(thalo_entries* entries);

/* The client's metadata, for its fields to be read as those of a payload; without any: an object without fields. */
static inline thalo_message thalo_metadata(const thalo_message* command, const thalo_context* context);

/* ---- answering ---- */

static inline void thalo_emit(thalo_answer* answer, const char* event);
/* The first refusal counts, and nothing happens, whatever is said before or after it. */
static inline void thalo_reject(thalo_answer* answer, const char* error);
/* The fields of what was begun last, each once. In an array they are its items, with NULL for the field. A field's
 * name is UTF-8 and closed by a zero. */
static inline void thalo_put_u64(thalo_answer* answer, const char* field, uint64_t value);
static inline void thalo_put_i64(thalo_answer* answer, const char* field, int64_t value);
static inline void thalo_put_double(thalo_answer* answer, const char* field, double value);
static inline void thalo_put_bool(thalo_answer* answer, const char* field, bool value);
static inline void thalo_put_string(thalo_answer* answer, const char* field, thalo_text value);
static inline void thalo_put_null(thalo_answer* answer, const char* field);
/* JSON as it stands; a text that is none makes the answer fail. */
static inline void thalo_put_json(thalo_answer* answer, const char* field, thalo_text json);
/* Between the two the fields are an object's. */
static inline void thalo_begin_object(thalo_answer* answer, const char* field);
static inline void thalo_end_object(thalo_answer* answer);
/* Between the two the fields are an array's items. */
static inline void thalo_begin_array(thalo_answer* answer, const char* field);
static inline void thalo_end_array(thalo_answer* answer);
/* The name of the next field, where it is a text (the key of a map's entry). What is put or begun then has NULL for the
 * field. */
static inline void thalo_put_key(thalo_answer* answer, thalo_text key);

/* ---- helpers ---- */

static inline thalo_text thalo_c_string(const char* text);
static inline bool thalo_equal(thalo_text a, thalo_text b);
/* The same with a text closed by a zero: `thalo_text_is(tag, "gift")`. */
static inline bool thalo_text_is(thalo_text text, const char* other);
/* A copy to keep, made by malloc and closed by a zero; `free((void *)copy.data)` frees it. */
static inline thalo_text thalo_copy(thalo_text text);
/* A line of the runtime's log, with the stream's name; natively, of standard error. So is what printf prints. */
static inline void thalo_log(const char* line);

#include "thalo_impl.h"
#endif
