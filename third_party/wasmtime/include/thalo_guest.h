// Typed calls into an aggregate's guest, and one account for all linear memories of a store. Beside Wasmtime's C API, whose objects they take.
//
// Texts are UTF-8; those handed in must be, since nothing checks them again. Confined to the thread that uses the store.
#ifndef THALO_GUEST_H
#define THALO_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <thalo_componentize.h>
#include <wasmtime.h>

#ifdef __cplusplus
extern "C" {
#endif

// An event as it goes into the guest and comes out of it.
typedef struct {
  thalo_borrowed_text_t event;
  thalo_borrowed_text_t payload;
} thalo_guest_event_t;

// The 0.8 world takes the first two alone.
typedef struct {
  thalo_borrowed_text_t command;
  thalo_borrowed_text_t payload;
  thalo_borrowed_text_t command_id;
  uint64_t time_ms;
  uint64_t version;
  thalo_borrowed_text_t correlation_id;
  thalo_borrowed_text_t causation_id;
  thalo_borrowed_text_t metadata;
} thalo_guest_command_t;

// The cases of the guest's `error`, in the order of the WIT.
enum {
  THALO_GUEST_ACCEPTED = 0,
  THALO_GUEST_COMMAND = 1,
  THALO_GUEST_DESERIALIZE_COMMAND = 2,
  THALO_GUEST_DESERIALIZE_CONTEXT = 3,
  THALO_GUEST_DESERIALIZE_EVENT = 4,
  THALO_GUEST_SERIALIZE_ERROR = 5,
  THALO_GUEST_SERIALIZE_EVENT = 6,
};

// What the guest answered.
typedef struct {
  uint32_t error;                     // one of the above
  const thalo_guest_event_t* events;  // of an accepted command
  size_t event_count;
  thalo_borrowed_text_t first;   // the texts of the error; `second` is empty where the case has one
  thalo_borrowed_text_t second;
} thalo_guest_answer_t;

// Sees an answer, which is gone when it returns. Must not unwind and must not use the store.
typedef void (*thalo_guest_reader_t)(void* reader, const thalo_guest_answer_t* answer);

// The functions of one instance of an aggregate.
typedef struct thalo_guest thalo_guest_t;

// Checks the functions' types. `has_context`: the command carries its context (world 1.x). Null on success.
wasmtime_error_t* thalo_guest_new(wasmtime_context_t* context, const wasmtime_component_func_t* apply,
                                  const wasmtime_component_func_t* handle, bool has_context, thalo_guest_t** out);
void thalo_guest_delete(thalo_guest_t* guest);

// Call the guest. Null: it answered, and `read` has seen the answer.
wasmtime_error_t* thalo_guest_apply(const thalo_guest_t* guest, wasmtime_context_t* context,
                                    const wasmtime_component_resource_any_t* entity, const thalo_guest_event_t* events,
                                    size_t event_count, thalo_guest_reader_t read, void* reader);
wasmtime_error_t* thalo_guest_handle(const thalo_guest_t* guest, wasmtime_context_t* context,
                                     const wasmtime_component_resource_any_t* entity,
                                     const thalo_guest_command_t* command, thalo_guest_reader_t read, void* reader);

// How much linear memory the guests of one store have, and where growing ends.
typedef struct {
  size_t size_bytes;      // what the guests have now
  size_t size_bytes_max;  // growth beyond this is refused
  bool refused;           // a growth was refused since this was last reset
} thalo_memory_account_t;

// Bounds on what the components of one store may consist of.
typedef struct {
  size_t table_elements_max;  // of each table
  size_t instances_max;       // core instances
  size_t tables_max;
  size_t memories_max;
} thalo_store_bounds_t;

// Instead of wasmtime_store_limiter, before the first instantiation. `account` must outlive the store.
void thalo_store_limit(wasmtime_store_t* store, thalo_memory_account_t* account, const thalo_store_bounds_t* bounds);

#ifdef __cplusplus
}
#endif

#endif  // THALO_GUEST_H
