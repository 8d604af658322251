/* Behind thalo.h: reading the fields of a JSON object. */
#ifndef THALO_READ_H
#define THALO_READ_H

#include "thalo_memory.h"

#define THALO_DEPTH_MAX 64
#define THALO_NAMES_MAX 32

/* ---- what is shared by a message and the objects in it ---- */

typedef struct {
  thalo_arena arena;
  /* The first thing that did not fit; empty: all did. */
  char problem[256];
  /* What thalo_is asked for, until it matched. */
  const char* names[THALO_NAMES_MAX];
  size_t names_count;
  bool matched;
  thalo_keys keys; /* of the objects that thalo_next goes through */
} thalo_reading;

struct thalo_message {
  thalo_text name;
  thalo_text json;  /* checked to be JSON */
  const char* path; /* of the object, "" for the payload */
  thalo_reading* reading;
};

struct thalo_entries {
  thalo_text key; /* of a map's entry */
  thalo_message value;
  size_t index;
  thalo_message all; /* what is gone through: a checked object or array */
  const char* at;    /* where the next one begins; null: at the first */
  unsigned object;   /* the number of the map that is gone through */
};

/* ---- reading JSON ---- */

typedef struct {
  const char* at;
  const char* end;
} thalo_cursor;

static inline void thalo_space(thalo_cursor* cursor) {
  while (cursor->at < cursor->end &&
         (*cursor->at == ' ' || *cursor->at == '\t' || *cursor->at == '\n' || *cursor->at == '\r'))
    cursor->at++;
}

static inline bool thalo_skip_char(thalo_cursor* cursor, char wanted) {
  thalo_space(cursor);
  if (cursor->at == cursor->end || *cursor->at != wanted) return false;
  cursor->at++;
  return true;
}

static inline bool thalo_skip_string(thalo_cursor* cursor) {
  if (!thalo_skip_char(cursor, '"')) return false;
  for (; cursor->at < cursor->end; cursor->at++) {
    const unsigned char c = (unsigned char)*cursor->at;
    if (c == '"') return cursor->at++, true;
    if (c < 0x20) return false;
    if (c != '\\') continue;
    if (++cursor->at == cursor->end || strchr("\"\\/bfnrtu", *cursor->at) == NULL || *cursor->at == '\0') return false;
    if (*cursor->at != 'u') continue;
    if (cursor->end - cursor->at < 5) return false;
    for (int digit = 1; digit <= 4; digit++) {
      if (strchr("0123456789abcdefABCDEF", cursor->at[digit]) == NULL || cursor->at[digit] == '\0') return false;
    }
    cursor->at += 4;
  }
  return false;
}

static inline bool thalo_digits(thalo_cursor* cursor) {
  const char* begin = cursor->at;
  while (cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9') cursor->at++;
  return cursor->at > begin;
}

static inline bool thalo_skip_number(thalo_cursor* cursor) {
  if (cursor->at < cursor->end && *cursor->at == '-') cursor->at++;
  const char* begin = cursor->at;
  if (!thalo_digits(cursor) || (*begin == '0' && cursor->at - begin > 1)) return false;
  if (cursor->at < cursor->end && *cursor->at == '.') {
    cursor->at++;
    if (!thalo_digits(cursor)) return false;
  }
  if (cursor->at < cursor->end && (*cursor->at == 'e' || *cursor->at == 'E')) {
    cursor->at++;
    if (cursor->at < cursor->end && (*cursor->at == '+' || *cursor->at == '-')) cursor->at++;
    if (!thalo_digits(cursor)) return false;
  }
  return true;
}

static inline bool thalo_skip_word(thalo_cursor* cursor, const char* word) {
  const size_t size = strlen(word);
  if ((size_t)(cursor->end - cursor->at) < size || memcmp(cursor->at, word, size) != 0) return false;
  cursor->at += size;
  return true;
}

static inline bool thalo_skip_value(thalo_cursor* cursor, int depth);

static inline bool thalo_skip_list(thalo_cursor* cursor, int depth, char close, bool keyed) {
  cursor->at++;
  if (thalo_skip_char(cursor, close)) return true;
  do {
    if (keyed && !(thalo_skip_string(cursor) && thalo_skip_char(cursor, ':'))) return false;
    if (!thalo_skip_value(cursor, depth + 1)) return false;
  } while (thalo_skip_char(cursor, ','));
  return thalo_skip_char(cursor, close);
}

static inline bool thalo_skip_value(thalo_cursor* cursor, int depth) {
  thalo_space(cursor);
  if (cursor->at == cursor->end || depth > THALO_DEPTH_MAX) return false;
  switch (*cursor->at) {
    case '{':
      return thalo_skip_list(cursor, depth, '}', true);
    case '[':
      return thalo_skip_list(cursor, depth, ']', false);
    case '"':
      return thalo_skip_string(cursor);
    case 't':
      return thalo_skip_word(cursor, "true");
    case 'f':
      return thalo_skip_word(cursor, "false");
    case 'n':
      return thalo_skip_word(cursor, "null");
    default:
      return thalo_skip_number(cursor);
  }
}

static inline bool thalo_is_json(thalo_text text) {
  thalo_cursor cursor = {text.data, text.data + text.size};
  if (text.size == 0 || !thalo_skip_value(&cursor, 0)) return false;
  thalo_space(&cursor);
  return cursor.at == cursor.end;
}

static inline unsigned thalo_hex(const char* digits) {
  unsigned value = 0;
  for (int index = 0; index < 4; index++) {
    const char c = digits[index];
    value = value * 16 + (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  return value;
}

static inline size_t thalo_utf8(char* out, unsigned code) {
  if (code < 0x80) return out[0] = (char)code, 1;
  if (code < 0x800) return out[0] = (char)(0xc0 | code >> 6), out[1] = (char)(0x80 | (code & 63)), 2;
  if (code < 0x10000) {
    out[0] = (char)(0xe0 | code >> 12), out[1] = (char)(0x80 | (code >> 6 & 63)), out[2] = (char)(0x80 | (code & 63));
    return 3;
  }
  out[0] = (char)(0xf0 | code >> 18), out[1] = (char)(0x80 | (code >> 12 & 63));
  out[2] = (char)(0x80 | (code >> 6 & 63)), out[3] = (char)(0x80 | (code & 63));
  return 4;
}

/* The content of a JSON string (with its quotes), which has been checked. False: half of a surrogate pair. */
static inline bool thalo_unescape(thalo_arena* arena, thalo_text json, thalo_text* out) {
  if (memchr(json.data, '\\', json.size) == NULL) {
    *out = (thalo_text){json.data + 1, json.size - 2};
    return true;
  }
  char* data = (char*)thalo_take(arena, json.size);
  size_t size = 0;
  for (const char* at = json.data + 1; at < json.data + json.size - 1; at++) {
    if (*at != '\\') {
      data[size++] = *at;
      continue;
    }
    at++;
    if (*at != 'u') {
      const char* plain = "\"\"\\\\//b\bf\fn\nr\rt\t";
      while (*plain != *at) plain += 2;
      data[size++] = plain[1];
      continue;
    }
    unsigned code = thalo_hex(at + 1);
    at += 4;
    if (code >= 0xdc00 && code <= 0xdfff) return false;
    if (code >= 0xd800 && code <= 0xdbff) {
      if (at + 6 >= json.data + json.size || at[1] != '\\' || at[2] != 'u') return false;
      const unsigned low = thalo_hex(at + 3);
      if (low < 0xdc00 || low > 0xdfff) return false;
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
      at += 6;
    }
    size += thalo_utf8(data + size, code);
  }
  *out = (thalo_text){data, size};
  return true;
}

static inline void thalo_problem(thalo_reading* reading, const char* format, ...) {
  if (reading->problem[0] != '\0') return;
  va_list arguments;
  va_start(arguments, format);
  thalo_print(reading->problem, sizeof reading->problem, format, arguments);
  va_end(arguments);
}

/* The JSON of a message has no space in front. */
static inline bool thalo_begins(const thalo_message* message, char first) { return message->json.data[0] == first; }

/* The next entry of an object or item of an array that has been checked. */
static inline bool thalo_step(thalo_entries* entry) {
  const thalo_message* message = &entry->all;
  thalo_cursor cursor = {entry->at, message->json.data + message->json.size};
  if (entry->at == NULL) {
    entry->index = (size_t)-1;
    cursor.at = message->json.data + 1;
  } else if (!thalo_skip_char(&cursor, ',')) {
    return false;
  }
  thalo_space(&cursor);
  if (cursor.at == cursor.end || *cursor.at == '}' || *cursor.at == ']') return false;
  entry->index++;
  if (thalo_begins(message, '{')) {
    const char* begin = cursor.at;
    thalo_skip_string(&cursor);
    const thalo_text quoted = {begin, (size_t)(cursor.at - begin)};
    if (!thalo_unescape(&message->reading->arena, quoted, &entry->key))
      thalo_problem(message->reading, "a key holds half of a surrogate pair");
    thalo_skip_char(&cursor, ':');
  }
  thalo_space(&cursor);
  const char* begin = cursor.at;
  thalo_skip_value(&cursor, 0);
  entry->value.json = (thalo_text){begin, (size_t)(cursor.at - begin)};
  entry->at = cursor.at;
  return true;
}

/* A null field is the value itself. */
static inline const char* thalo_path(const thalo_message* message, const char* field) {
  if (field == NULL) return message->path;
  if (message->path[0] == '\0') return field;
  const size_t size = strlen(message->path) + strlen(field) + 2;
  char* path = (char*)thalo_take(&message->reading->arena, size);
  snprintf(path, size, "%s.%s", message->path, field);
  return path;
}

static inline void thalo_wrong(const thalo_message* message, const char* field, const char* wanted, thalo_text json) {
  const int shown = (int)thalo_whole_letters(json.data, json.size, 40);
  thalo_problem(message->reading, "field `%s` must be %s, but is %.*s%s", thalo_path(message, field), wanted, shown,
                json.data, json.size > 40 ? "…" : "");
}

static inline thalo_entries thalo_through(thalo_message all) {
  thalo_entries entries = {{"", 0}, {all.name, {"null", 4}, "", all.reading}, 0, all, NULL, 0};
  return entries;
}

static inline bool thalo_find(const thalo_message* message, const char* field, thalo_text* json) {
  if (field == NULL) return *json = message->json, true;
  if (!thalo_begins(message, '{')) return thalo_wrong(message, NULL, "an object", message->json), false;
  bool found = false;
  thalo_entries entry = thalo_through(*message);
  const thalo_text wanted = thalo_c_string(field);
  while (thalo_step(&entry)) {
    if (!thalo_equal(entry.key, wanted)) continue;
    if (found) thalo_problem(message->reading, "field `%s` appears twice", thalo_path(message, field));
    *json = entry.value.json;
    found = true;
  }
  return found;
}

static inline bool thalo_is_null(thalo_text json) { return json.size == 4 && memcmp(json.data, "null", 4) == 0; }

static inline bool thalo_need(const thalo_message* message, const char* field, thalo_text* json) {
  if (thalo_find(message, field, json)) return true;
  thalo_problem(message->reading, "missing field `%s`", thalo_path(message, field));
  return false;
}

static inline bool thalo_parse_magnitude(thalo_text json, bool* negative, uint64_t* value) {
  *negative = json.data[0] == '-';
  *value = 0;
  size_t at = *negative ? 1 : 0;
  if (at == json.size) return false;
  for (; at < json.size; at++) {
    const char c = json.data[at];
    if (c < '0' || c > '9') return false;
    const uint64_t digit = (uint64_t)(c - '0');
    if (*value > (UINT64_MAX - digit) / 10) return false;
    *value = *value * 10 + digit;
  }
  return true;
}

static inline bool thalo_is(const thalo_message* message, const char* name) {
  thalo_reading* reading = message->reading;
  if (thalo_equal(message->name, thalo_c_string(name))) return reading->matched = true;
  if (!reading->matched && reading->names_count < THALO_NAMES_MAX) reading->names[reading->names_count++] = name;
  return false;
}

static inline bool thalo_failed(const thalo_message* message) { return message->reading->problem[0] != '\0'; }

static inline uint64_t thalo_u64(const thalo_message* message, const char* field) {
  thalo_text json;
  bool negative = false;
  uint64_t value = 0;
  if (!thalo_need(message, field, &json)) return 0;
  if (thalo_parse_magnitude(json, &negative, &value) && (!negative || value == 0)) return value;
  thalo_wrong(message, field, "a whole number from 0 to 18446744073709551615", json);
  return 0;
}

static inline int64_t thalo_i64(const thalo_message* message, const char* field) {
  thalo_text json;
  bool negative = false;
  uint64_t value = 0;
  if (!thalo_need(message, field, &json)) return 0;
  if (thalo_parse_magnitude(json, &negative, &value) && value <= (uint64_t)INT64_MAX + (negative ? 1 : 0))
    return negative ? (int64_t)(0 - value) : (int64_t)value;
  thalo_wrong(message, field, "a whole number from -9223372036854775808 to 9223372036854775807", json);
  return 0;
}

static inline double thalo_double(const thalo_message* message, const char* field) {
  thalo_text json;
  if (!thalo_need(message, field, &json)) return 0;
  if (json.data[0] == '-' || (json.data[0] >= '0' && json.data[0] <= '9')) {
    char* text = (char*)thalo_take(&message->reading->arena, json.size + 1);
    memcpy(text, json.data, json.size);
    text[json.size] = '\0';
    const double value = strtod(text, NULL);
    if (isfinite(value)) return value;
  }
  thalo_wrong(message, field, "a number", json);
  return 0;
}

static inline bool thalo_bool(const thalo_message* message, const char* field) {
  thalo_text json;
  if (!thalo_need(message, field, &json)) return false;
  if (json.data[0] == 't' || json.data[0] == 'f') return json.data[0] == 't';
  thalo_wrong(message, field, "true or false", json);
  return false;
}

static inline thalo_text thalo_string(const thalo_message* message, const char* field) {
  thalo_text json;
  thalo_text text = {"", 0};
  if (!thalo_need(message, field, &json)) return text;
  if (json.data[0] == '"' && thalo_unescape(&message->reading->arena, json, &text)) return text;
  thalo_wrong(message, field, "a string", json);
  return text;
}

static inline bool thalo_has(const thalo_message* message, const char* field) {
  thalo_text json;
  return thalo_find(message, field, &json) && !thalo_is_null(json);
}

static inline thalo_text thalo_json(const thalo_message* message, const char* field) {
  thalo_text json = {"null", 4};
  thalo_need(message, field, &json);
  return json;
}

static inline size_t thalo_one_of(const thalo_message* message, const char* field, const char* const* names) {
  thalo_text json, text;
  if (!thalo_need(message, field, &json)) return 0;
  if (json.data[0] == '"' && thalo_unescape(&message->reading->arena, json, &text)) {
    for (size_t index = 0; names[index] != NULL; index++) {
      if (thalo_text_is(text, names[index])) return index;
    }
  }
  thalo_buffer wanted = {NULL, 0, 0};
  thalo_append_c(&wanted, "one of");
  for (size_t index = 0; names[index] != NULL; index++) {
    thalo_append_c(&wanted, index == 0 ? " \"" : ", \"");
    thalo_append_c(&wanted, names[index]);
    thalo_append_c(&wanted, "\"");
  }
  thalo_append(&wanted, "", 1);
  thalo_wrong(message, field, wanted.data, json);
  free(wanted.data);
  return 0;
}

/* What is in a field if it begins as wanted, else `empty`. */
static inline thalo_message thalo_inner(const thalo_message* message, const char* field, const char* wanted,
                                        thalo_text empty) {
  thalo_message inner = {message->name, empty, thalo_path(message, field), message->reading};
  thalo_text json;
  if (!thalo_need(message, field, &json)) return inner;
  if (json.data[0] == empty.data[0]) {
    inner.json = json;
  } else {
    thalo_wrong(message, field, wanted, json);
  }
  return inner;
}

static inline thalo_message thalo_object(const thalo_message* message, const char* field) {
  return thalo_inner(message, field, "an object", (thalo_text){"{}", 2});
}

static inline thalo_entries thalo_map(const thalo_message* message, const char* field) {
  return thalo_through(thalo_inner(message, field, "an object", (thalo_text){"{}", 2}));
}

static inline thalo_entries thalo_array(const thalo_message* message, const char* field) {
  return thalo_through(thalo_inner(message, field, "an array", (thalo_text){"[]", 2}));
}

static inline bool thalo_next(thalo_entries* entries) {
  const thalo_message* all = &entries->all;
  thalo_reading* reading = all->reading;
  if (entries->at == NULL) entries->object = ++reading->keys.objects;
  if (!thalo_step(entries)) return false;
  const size_t room = strlen(all->path) + entries->key.size + 24;
  char* path = (char*)thalo_take(&reading->arena, room);
  if (thalo_begins(all, '{')) {
    snprintf(path, room, "%s%s%.*s", all->path, all->path[0] == '\0' ? "" : ".", (int)entries->key.size,
             entries->key.data);
    if (!thalo_keys_add(&reading->keys, entries->object, NULL, entries->key))
      thalo_problem(reading, "field `%s` appears twice", path);
  } else {
    snprintf(path, room, "%s[%zu]", all->path, entries->index);
  }
  entries->value.path = path;
  return true;
}

#endif
