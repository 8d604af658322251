/* Behind thalo.h: memory that lives as long as a call, and texts that grow. */
#ifndef THALO_MEMORY_H
#define THALO_MEMORY_H

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- memory that lives as long as a call ---- */

typedef struct thalo_block {
  struct thalo_block* next;
} thalo_block;

typedef struct {
  thalo_block* blocks;
} thalo_arena;

static inline void thalo_out_of_memory(void) {
  thalo_log("out of memory");
  abort();
}

static inline void* thalo_take(thalo_arena* arena, size_t size) {
  thalo_block* block = (thalo_block*)malloc(sizeof(thalo_block) + 8 + size);
  if (block == NULL) thalo_out_of_memory();
  block->next = arena->blocks;
  arena->blocks = block;
  return (char*)block + sizeof(thalo_block) + (sizeof(thalo_block) % 8 == 0 ? 0 : 8 - sizeof(thalo_block) % 8);
}

static inline void thalo_release(thalo_arena* arena) {
  while (arena->blocks != NULL) {
    thalo_block* next = arena->blocks->next;
    free(arena->blocks);
    arena->blocks = next;
  }
}

/* ---- a text that grows ---- */

typedef struct {
  char* data;
  size_t size;
  size_t room;
} thalo_buffer;

static inline void thalo_append(thalo_buffer* buffer, const char* data, size_t size) {
  if (buffer->size + size > buffer->room) {
    buffer->room = (buffer->size + size) * 2 + 64;
    buffer->data = (char*)realloc(buffer->data, buffer->room);
    if (buffer->data == NULL) thalo_out_of_memory();
  }
  if (size > 0) memcpy(buffer->data + buffer->size, data, size);
  buffer->size += size;
}

static inline void thalo_append_c(thalo_buffer* buffer, const char* text) { thalo_append(buffer, text, strlen(text)); }

static inline thalo_text thalo_text_of(const thalo_buffer* buffer) {
  thalo_text text = {buffer->data, buffer->size};
  return text;
}

/* ---- texts that are cut ---- */

/* As much of a text as `most` bytes hold without half a letter at the end. */
static inline size_t thalo_whole_letters(const char* data, size_t size, size_t most) {
  if (size <= most) return size;
  while (most > 0 && ((unsigned char)data[most] & 0xc0) == 0x80) most--;
  return most;
}

/* vsnprintf, without half a letter at the end: what leaves the module must be UTF-8. */
static inline void thalo_print(char* out, size_t room, const char* format, va_list arguments) {
  if (vsnprintf(out, room, format, arguments) < (int)room) return;
  size_t lead = room - 1;
  while (lead > 0 && ((unsigned char)out[lead - 1] & 0xc0) == 0x80) lead--;
  if (lead == 0 || (unsigned char)out[lead - 1] < 0xc0) return;
  const unsigned char first = (unsigned char)out[lead - 1];
  const size_t letter = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (lead - 1 + letter > room - 1) out[lead - 1] = '\0';
}

/* ---- which keys the objects have had ---- */

typedef struct {
  uintptr_t at; /* of the key, from the base that the owner of the set says */
  size_t size;
  unsigned hash;
  unsigned object; /* 0: the slot is free */
} thalo_key;

/* Objects are told apart by numbers from 1, so that one set serves all of a call. */
typedef struct {
  thalo_key* slots;
  size_t room; /* a power of two, or 0 */
  size_t count;
  unsigned objects;
} thalo_keys;

static inline thalo_key* thalo_key_slot(const thalo_keys* keys, const char* base, thalo_key wanted) {
  for (size_t at = wanted.hash;; at++) {
    thalo_key* slot = &keys->slots[at & (keys->room - 1)];
    if (slot->object == 0) return slot;
    if (slot->hash != wanted.hash || slot->object != wanted.object || slot->size != wanted.size) continue;
    if (memcmp((const char*)((uintptr_t)base + slot->at), (const char*)((uintptr_t)base + wanted.at), wanted.size) == 0)
      return slot;
  }
}

static inline void thalo_keys_grow(thalo_keys* keys, const char* base) {
  thalo_keys more = {NULL, keys->room == 0 ? 16 : keys->room * 2, keys->count, keys->objects};
  more.slots = (thalo_key*)calloc(more.room, sizeof(thalo_key));
  if (more.slots == NULL) thalo_out_of_memory();
  for (size_t at = 0; at < keys->room; at++) {
    if (keys->slots[at].object != 0) *thalo_key_slot(&more, base, keys->slots[at]) = keys->slots[at];
  }
  free(keys->slots);
  *keys = more;
}

/* False: the object has had that key. */
static inline bool thalo_keys_add(thalo_keys* keys, unsigned object, const char* base, thalo_text key) {
  if (keys->count * 2 >= keys->room) thalo_keys_grow(keys, base);
  thalo_key wanted = {(uintptr_t)key.data - (uintptr_t)base, key.size, 2166136261u ^ object, object};
  for (size_t at = 0; at < key.size; at++) wanted.hash = (wanted.hash ^ (unsigned char)key.data[at]) * 16777619u;
  thalo_key* slot = thalo_key_slot(keys, base, wanted);
  if (slot->object != 0) return false;
  *slot = wanted;
  keys->count++;
  return true;
}

#endif
