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
  size_t rejection_size; /* what follows in the text was said after the refusal and does not happen; 0: nothing was */
  char problem[256];
  size_t begin; /* in the text, of what is written now: an event, a refusal, a snapshot */
  int open;     /* objects and arrays that have begun and not ended */
  bool first;   /* nothing has been written in the innermost */
  bool keyed;   /* thalo_put_key has named the next field */
  /* What each of them is: an object's number, or 0 for an array. */
  unsigned levels[THALO_DEPTH_MAX + 1];
  thalo_keys keys;
};

static inline bool thalo_is_utf8(thalo_text text) {
  if (text.size == 0) return true; /* there may be no data, from which nothing can be counted */
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

/* ---- where a problem is ---- */

/* What surrounds what is written next, and where in it that is. */
typedef struct {
  bool is_array;
  thalo_text key;
  size_t index;
} thalo_place;

typedef struct {
  thalo_place places[THALO_DEPTH_MAX + 1];
  int depth;
} thalo_places;

/* Seen from the text, so that writing has nothing to keep for it. */
static inline thalo_places thalo_where(const thalo_answer* answer) {
  thalo_places where;
  where.depth = 0;
  thalo_cursor cursor = {answer->text.data + answer->begin, answer->text.data + answer->text.size};
  while (answer->open > 0 && cursor.at < cursor.end) {
    thalo_place* place = where.depth == 0 ? NULL : &where.places[where.depth - 1];
    const char* begin = cursor.at;
    if (*begin == '"') {
      thalo_skip_string(&cursor);
      const bool is_key = place != NULL && !place->is_array && place->key.data == NULL;
      if (is_key) place->key = (thalo_text){begin + 1, (size_t)(cursor.at - begin) - 2};
      continue;
    }
    cursor.at++;
    if (*begin == '{' || *begin == '[') {
      if (where.depth == THALO_DEPTH_MAX + 1) break;
      where.places[where.depth++] = (thalo_place){*begin == '[', {NULL, 0}, 0};
    } else if (*begin == '}' || *begin == ']') {
      where.depth--;
    } else if (*begin == ',' && place != NULL) {
      place->key.data = NULL;
      place->index++;
    }
  }
  return where;
}

/* `lines[2].sku`, cut where it is long. */
static inline thalo_buffer thalo_path_of(const thalo_places* where, int depth, thalo_text field) {
  enum { most = 120 };
  thalo_buffer path = {NULL, 0, 0};
  for (int at = 0; at < depth; at++) {
    const thalo_place* place = &where->places[at];
    char index[24];
    snprintf(index, sizeof index, "[%zu]", place->index);
    if (!place->is_array && path.size > 0) thalo_append_c(&path, ".");
    if (place->is_array)
      thalo_append_c(&path, index);
    else
      thalo_append(&path, place->key.data, place->key.size);
  }
  if (field.data != NULL && path.size > 0) thalo_append_c(&path, ".");
  thalo_append(&path, field.data, field.size);
  if (path.size > most) {
    path.size = thalo_whole_letters(path.data, path.size, most);
    thalo_append_c(&path, "…");
  }
  thalo_append(&path, "", 1);
  return path;
}

static inline void thalo_say_problem(thalo_answer* answer, thalo_buffer path, const char* reason) {
  snprintf(answer->problem, sizeof answer->problem, "field `%s` %s", path.data, reason);
  free(path.data);
}

static const thalo_text thalo_unnamed = {NULL, 0};

/* About what is put next: a field by its name, an item of an array, or what has its key already. The first counts. */
static inline void thalo_answer_problem(thalo_answer* answer, thalo_text field, const char* reason) {
  if (answer->problem[0] != '\0') return;
  thalo_places where = thalo_where(answer);
  thalo_place* last = where.depth == 0 ? NULL : &where.places[where.depth - 1];
  const bool is_item = last != NULL && last->is_array && field.data == NULL;
  if (is_item && !answer->first) last->index++;
  const bool counts = is_item || (answer->keyed && field.data == NULL);
  if (!thalo_is_utf8(field)) field = thalo_c_string("?");
  thalo_say_problem(answer, thalo_path_of(&where, counts ? where.depth : where.depth - 1, field), reason);
}

/* About the object or array that was begun last. */
static inline void thalo_problem_inside(thalo_answer* answer, const char* reason) {
  if (answer->problem[0] != '\0') return;
  const thalo_places where = thalo_where(answer);
  thalo_say_problem(answer, thalo_path_of(&where, where.depth - 1, thalo_unnamed), reason);
}

/* An object's number, or 0 for an array. */
static inline unsigned thalo_level(const thalo_answer* answer) {
  return answer->open < 1 ? 0
                          : answer->levels[(answer->open > THALO_DEPTH_MAX ? THALO_DEPTH_MAX + 1 : answer->open) - 1];
}

static inline void thalo_open_level(thalo_answer* answer, bool is_array) {
  if (answer->open > THALO_DEPTH_MAX) {
    thalo_problem_inside(answer, "is nested deeper than 64");
  } else {
    answer->levels[answer->open] = is_array ? 0 : ++answer->keys.objects;
  }
  thalo_append(&answer->text, is_array ? "[" : "{", 1);
  answer->open++;
  answer->first = true;
}

static inline void thalo_close_level(thalo_answer* answer) {
  if (answer->keyed) thalo_answer_problem(answer, thalo_unnamed, "has a key (thalo_put_key) and no value");
  answer->keyed = false;
  thalo_append(&answer->text, thalo_level(answer) == 0 ? "]" : "}", 1);
  answer->open--;
  answer->first = false;
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
  if (answer->open > 1) thalo_problem_inside(answer, "was begun and not ended (thalo_end_object, thalo_end_array)");
  while (answer->open > 0) thalo_close_level(answer);
  if (answer->rejection_size > 0) answer->text.size = answer->rejection_size;
  if (answer->events_count > 0) {
    thalo_written* last = &answer->events[answer->events_count - 1];
    if (last->size == 0) last->size = answer->text.size - last->begin;
  }
}

static inline void thalo_begin(thalo_answer* answer) {
  answer->begin = answer->text.size;
  answer->open = 0;
  answer->keyed = false;
  thalo_open_level(answer, false);
}

/* Refused is refused: what is said after it is written behind the refusal and forgotten. */
static inline bool thalo_after_refusal(thalo_answer* answer) {
  if (answer->rejection == NULL) return false;
  thalo_finish(answer);
  answer->rejection_size = answer->text.size;
  thalo_begin(answer);
  return true;
}

static inline void thalo_emit(thalo_answer* answer, const char* event) {
  if (thalo_after_refusal(answer)) return;
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
  if (thalo_after_refusal(answer)) return;
  /* Events that were said before do not happen. */
  answer->text.size = 0;
  answer->events_count = 0;
  answer->rejection = error;
  thalo_begin(answer);
  thalo_put_string(answer, "type", thalo_c_string(error));
}

static inline void thalo_key_of(thalo_answer* answer, thalo_text field, unsigned object) {
  const size_t begin = answer->text.size;
  thalo_append_string(&answer->text, field);
  const char* base = answer->text.data;
  if (!thalo_keys_add(&answer->keys, object, base, (thalo_text){base + begin, answer->text.size - begin}))
    thalo_answer_problem(answer, field, "is put twice");
  thalo_append(&answer->text, ":", 1);
}

static inline thalo_buffer* thalo_name(thalo_answer* answer, thalo_text field) {
  const unsigned object = thalo_level(answer);
  if (answer->open == 0)
    thalo_answer_problem(answer, field, "belongs to nothing: call thalo_emit or thalo_reject first");
  else if (object == 0 && field.data != NULL)
    thalo_answer_problem(answer, field, "is in an array, whose items have no names: put it as NULL");
  else if (object != 0 && field.data == NULL)
    thalo_answer_problem(answer, field, "needs a name: only the items of an array have none");
  else if (!thalo_is_utf8(field))
    thalo_answer_problem(answer, field, "has a name that is no UTF-8");
  if (!answer->first) thalo_append(&answer->text, ",", 1);
  answer->first = false;
  if (object != 0 && field.data != NULL) thalo_key_of(answer, field, object);
  return &answer->text;
}

/* Where the value of a field goes. */
static inline thalo_buffer* thalo_field(thalo_answer* answer, const char* field) {
  if (!answer->keyed) return thalo_name(answer, thalo_c_string(field));
  answer->keyed = false;
  if (field != NULL)
    thalo_answer_problem(answer, thalo_c_string(field), "has its key from thalo_put_key already: put it as NULL");
  return &answer->text;
}

static inline void thalo_put_key(thalo_answer* answer, thalo_text key) {
  if (answer->keyed) thalo_answer_problem(answer, key, "follows a key (thalo_put_key) without a value");
  thalo_name(answer, key.data == NULL ? thalo_c_string("") : key);
  answer->keyed = true;
}

static inline void thalo_put_u64(thalo_answer* answer, const char* field, uint64_t value) {
  char digits[24];
  snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
  thalo_append_c(thalo_field(answer, field), digits);
}

static inline void thalo_put_i64(thalo_answer* answer, const char* field, int64_t value) {
  char digits[24];
  snprintf(digits, sizeof digits, "%lld", (long long)value);
  thalo_append_c(thalo_field(answer, field), digits);
}

static inline void thalo_put_double(thalo_answer* answer, const char* field, double value) {
  char digits[32] = "null";
  if (isfinite(value)) {
    /* No more digits than make the same number again: 0.1, which seventeen would make 0.10000000000000001. */
    int count = 15;
    do snprintf(digits, sizeof digits, "%.*g", count, value);
    while (count++ < 17 && strtod(digits, NULL) != value);
  } else {
    thalo_answer_problem(answer, thalo_c_string(field), "is a number that JSON has not");
  }
  thalo_append_c(thalo_field(answer, field), digits);
}

static inline void thalo_put_bool(thalo_answer* answer, const char* field, bool value) {
  thalo_append_c(thalo_field(answer, field), value ? "true" : "false");
}

static inline void thalo_put_string(thalo_answer* answer, const char* field, thalo_text value) {
  if (!thalo_is_utf8(value)) thalo_answer_problem(answer, thalo_c_string(field), "is no UTF-8");
  thalo_append_string(thalo_field(answer, field), value);
}

static inline void thalo_put_null(thalo_answer* answer, const char* field) {
  thalo_append_c(thalo_field(answer, field), "null");
}

static inline void thalo_put_json(thalo_answer* answer, const char* field, thalo_text json) {
  if (!thalo_is_json(json) || !thalo_is_utf8(json)) thalo_answer_problem(answer, thalo_c_string(field), "is no JSON");
  thalo_append(thalo_field(answer, field), json.data, json.size);
}

static inline void thalo_begin_object(thalo_answer* answer, const char* field) {
  thalo_field(answer, field);
  thalo_open_level(answer, false);
}

static inline void thalo_end_object(thalo_answer* answer) {
  if (answer->open < 2 || thalo_level(answer) == 0) {
    thalo_problem_inside(answer, "is ended by thalo_end_object, which did not begin there");
    return;
  }
  thalo_close_level(answer);
}

static inline void thalo_begin_array(thalo_answer* answer, const char* field) {
  thalo_field(answer, field);
  thalo_open_level(answer, true);
}

static inline void thalo_end_array(thalo_answer* answer) {
  if (answer->open < 2 || thalo_level(answer) != 0) {
    thalo_problem_inside(answer, "is ended by thalo_end_array, which did not begin there");
    return;
  }
  thalo_close_level(answer);
}

#endif
