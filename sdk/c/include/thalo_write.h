/* Behind thalo.h: writing events, refusals and snapshots. */
#ifndef THALO_WRITE_H
#define THALO_WRITE_H

#include "thalo_read.h"

typedef struct {
  const char* type;
  size_t begin; /* of its JSON in the text */
  size_t size;
} thalo_written;

struct thalo_answer {
  thalo_buffer text;
  thalo_written* events;
  size_t events_count;
  size_t events_room;
  const char* rejection; /* the error's name; the text is its JSON */
  char problem[256];
  int open;   /* objects that have begun and not ended */
  bool first; /* no field has been written in the innermost */
};

static inline void thalo_answer_problem(thalo_answer* answer, const char* field, const char* reason) {
  if (answer->problem[0] == '\0') snprintf(answer->problem, sizeof answer->problem, "field `%s` %s", field, reason);
}

static inline bool thalo_is_utf8(thalo_text text) {
  const unsigned char* at = (const unsigned char*)text.data;
  const unsigned char* end = at + text.size;
  while (at < end) {
    const unsigned char lead = *at++;
    if (lead < 0x80) continue;
    const int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4 || end - at < more) return false;
    if ((lead == 0xe0 && at[0] < 0xa0) || (lead == 0xed && at[0] > 0x9f) || (lead == 0xf0 && at[0] < 0x90) ||
        (lead == 0xf4 && at[0] > 0x8f))
      return false;
    for (int index = 0; index < more; index++) {
      if ((*at++ & 0xc0) != 0x80) return false;
    }
  }
  return true;
}

static inline void thalo_append_string(thalo_buffer* buffer, thalo_text text) {
  thalo_append(buffer, "\"", 1);
  for (size_t at = 0; at < text.size; at++) {
    const unsigned char c = (unsigned char)text.data[at];
    char escaped[8];
    if (c == '"' || c == '\\') {
      escaped[0] = '\\', escaped[1] = (char)c;
      thalo_append(buffer, escaped, 2);
    } else if (c < 0x20) {
      snprintf(escaped, sizeof escaped, "\\u%04x", c);
      thalo_append(buffer, escaped, 6);
    } else {
      thalo_append(buffer, text.data + at, 1);
    }
  }
  thalo_append(buffer, "\"", 1);
}

/* Closes what was begun, and says how long it is. */
static inline void thalo_finish(thalo_answer* answer) {
  if (answer->open > 1) thalo_answer_problem(answer, "", "is an object that was not ended (thalo_end_object)");
  for (; answer->open > 0; answer->open--) thalo_append(&answer->text, "}", 1);
  if (answer->events_count > 0) {
    thalo_written* last = &answer->events[answer->events_count - 1];
    if (last->size == 0) last->size = answer->text.size - last->begin;
  }
}

static inline void thalo_begin(thalo_answer* answer) {
  thalo_append(&answer->text, "{", 1);
  answer->open = 1;
  answer->first = true;
}

static inline void thalo_emit(thalo_answer* answer, const char* event) {
  if (answer->rejection != NULL) return;
  thalo_finish(answer);
  if (answer->events_count == answer->events_room) {
    answer->events_room = answer->events_room * 2 + 8;
    answer->events = (thalo_written*)realloc(answer->events, answer->events_room * sizeof(thalo_written));
    if (answer->events == NULL) thalo_out_of_memory();
  }
  answer->events[answer->events_count++] = (thalo_written){event, answer->text.size, 0};
  thalo_begin(answer);
}

static inline void thalo_reject(thalo_answer* answer, const char* error) {
  /* Refused is refused: events that were said before do not happen. */
  answer->text.size = 0;
  answer->events_count = 0;
  answer->rejection = error;
  thalo_begin(answer);
  thalo_put_string(answer, "type", thalo_c_string(error));
}

static inline thalo_buffer* thalo_field(thalo_answer* answer, thalo_text field) {
  if (answer->open == 0)
    thalo_answer_problem(answer, field.data, "belongs to nothing: call thalo_emit or thalo_reject first");
  if (!answer->first) thalo_append(&answer->text, ",", 1);
  answer->first = false;
  thalo_append_string(&answer->text, field);
  thalo_append(&answer->text, ":", 1);
  return &answer->text;
}

static inline void thalo_put_u64(thalo_answer* answer, const char* field, uint64_t value) {
  char digits[24];
  snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
  thalo_append_c(thalo_field(answer, thalo_c_string(field)), digits);
}

static inline void thalo_put_i64(thalo_answer* answer, const char* field, int64_t value) {
  char digits[24];
  snprintf(digits, sizeof digits, "%lld", (long long)value);
  thalo_append_c(thalo_field(answer, thalo_c_string(field)), digits);
}

static inline void thalo_put_double(thalo_answer* answer, const char* field, double value) {
  char digits[32] = "null";
  if (isfinite(value)) {
    snprintf(digits, sizeof digits, "%.17g", value);
  } else {
    thalo_answer_problem(answer, field, "is a number that JSON has not");
  }
  thalo_append_c(thalo_field(answer, thalo_c_string(field)), digits);
}

static inline void thalo_put_bool(thalo_answer* answer, const char* field, bool value) {
  thalo_append_c(thalo_field(answer, thalo_c_string(field)), value ? "true" : "false");
}

static inline void thalo_put_string(thalo_answer* answer, const char* field, thalo_text value) {
  if (!thalo_is_utf8(value)) thalo_answer_problem(answer, field, "is no UTF-8");
  thalo_append_string(thalo_field(answer, thalo_c_string(field)), value);
}

static inline void thalo_put_null(thalo_answer* answer, const char* field) {
  thalo_append_c(thalo_field(answer, thalo_c_string(field)), "null");
}

static inline void thalo_put_json(thalo_answer* answer, const char* field, thalo_text json) {
  if (!thalo_is_json(json) || !thalo_is_utf8(json)) thalo_answer_problem(answer, field, "is no JSON");
  thalo_append(thalo_field(answer, thalo_c_string(field)), json.data, json.size);
}

static inline void thalo_begin_object(thalo_answer* answer, thalo_text field) {
  if (!thalo_is_utf8(field)) thalo_answer_problem(answer, "", "has a name that is no UTF-8");
  thalo_append(thalo_field(answer, field), "{", 1);
  answer->open++;
  answer->first = true;
}

static inline void thalo_end_object(thalo_answer* answer) {
  if (answer->open < 2) {
    thalo_answer_problem(answer, "", "ends an object that was not begun");
    return;
  }
  thalo_append(&answer->text, "}", 1);
  answer->open--;
  answer->first = false;
}

#endif
