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

#endif
