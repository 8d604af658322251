/* The canonical ABI of `thalo:aggregate/aggregate@1.0.0` (wit/aggregate.wit): what the component's exports receive and
 * return as numbers and memory. Only for wasm32; one call runs at a time. */
#ifndef THALO_ABI_H
#define THALO_ABI_H

typedef struct {
  thalo_text id;
  void* state;
} thalo_entity;

typedef struct {
  thalo_text type;
  thalo_text payload;
} thalo_event_record;

/* The largest result, result<_, error>: its case, then the list, or the error's case and its one or two texts. */
typedef struct {
  uint8_t failed;
  union {
    thalo_text value;
    struct {
      uint8_t kind;
      thalo_text first;
      thalo_text second;
    } error;
  } is;
} thalo_result;

_Static_assert(sizeof(thalo_text) == 8 && sizeof(thalo_result) == 24 && offsetof(thalo_result, is) == 4,
               "the canonical ABI of wasm32");

__attribute__((import_module("[export]thalo:aggregate/aggregate@1.0.0"), import_name("[resource-new]entity"))) int
thalo_resource_new(void* entity);
__attribute__((import_module("thalo:aggregate/log@1.0.0"), import_name("write"))) void thalo_host_log(int level,
                                                                                                      const char* text,
                                                                                                      size_t size);

static inline void thalo_log(const char* line) { thalo_host_log(2, line, strlen(line)); }

/* What the host places a call's arguments in, until the call is over. */
static thalo_arena thalo_arguments;
static thalo_call thalo_current;
static thalo_result thalo_answered;

static inline const void* thalo_abi_result(thalo_outcome outcome, thalo_text subject) {
  if (outcome == thalo_succeeded) {
    thalo_answered.failed = 0;
    return &thalo_answered;
  }
  const thalo_answer* answer = &thalo_current.answer;
  const bool refused = outcome == thalo_failed_command;
  /* A handler that could not read a field may have refused as well. */
  const bool about_refusal = refused || outcome == thalo_failed_serialize_error;
  const thalo_text message = thalo_text_of(refused ? &answer->text : &thalo_current.failure);
  thalo_answered.failed = 1;
  thalo_answered.is.error.kind = (uint8_t)outcome;
  thalo_answered.is.error.first = about_refusal ? thalo_c_string(answer->rejection) : subject;
  if (outcome == thalo_failed_serialize_event) thalo_answered.is.error.first = message;
  thalo_answered.is.error.second = message;
  return &thalo_answered;
}

static inline const void* thalo_abi_events(void) {
  const thalo_answer* answer = &thalo_current.answer;
  thalo_event_record* list =
      (thalo_event_record*)thalo_take(&thalo_arguments, (answer->events_count + 1) * sizeof(thalo_event_record));
  for (size_t index = 0; index < answer->events_count; index++) {
    const thalo_written* event = &answer->events[index];
    list[index].type = thalo_c_string(event->type);
    list[index].payload = (thalo_text){answer->text.data + event->begin, event->size};
  }
  thalo_answered.failed = 0;
  thalo_answered.is.value = (thalo_text){(const char*)list, answer->events_count};
  return &thalo_answered;
}

static inline const void* thalo_abi_text(bool ok, thalo_text value) {
  thalo_answered.failed = ok ? 0 : 1;
  thalo_answered.is.value = ok ? value : thalo_text_of(&thalo_current.failure);
  return &thalo_answered;
}

static inline void thalo_abi_done(void) {
  thalo_call_done(&thalo_current);
  thalo_release(&thalo_arguments);
}

static inline void* thalo_abi_realloc(void* old, size_t old_size, size_t size) {
  void* place = thalo_take(&thalo_arguments, size);
  if (old_size > 0) memcpy(place, old, old_size < size ? old_size : size);
  return place;
}

static inline thalo_entity* thalo_abi_construct(const thalo_aggregate* aggregate, thalo_text id) {
  thalo_entity* entity = (thalo_entity*)malloc(sizeof(thalo_entity));
  void* state = calloc(1, aggregate->size > 0 ? aggregate->size : 1);
  if (entity == NULL || state == NULL) thalo_out_of_memory();
  entity->id = thalo_copy(id);
  entity->state = state;
  thalo_abi_done();
  return entity;
}

static inline void thalo_abi_destroy(const thalo_aggregate* aggregate, thalo_entity* entity) {
  if (aggregate->destroy != NULL) aggregate->destroy(entity->state);
  free(entity->state);
  free((void*)entity->id.data);
  free(entity);
}

static inline const void* thalo_abi_apply(const thalo_aggregate* aggregate, thalo_entity* entity,
                                          const thalo_event_record* events, size_t count) {
  for (size_t index = 0; index < count; index++) {
    const thalo_outcome outcome =
        thalo_run_apply(aggregate, entity->state, events[index].type, events[index].payload, &thalo_current);
    if (outcome != thalo_succeeded) return thalo_abi_result(outcome, events[index].type);
    thalo_call_done(&thalo_current);
  }
  return thalo_abi_result(thalo_succeeded, (thalo_text){NULL, 0});
}

/* What is missing in the aggregate is found while compiling, where the compiler can see through it; else at load. */
#ifdef __OPTIMIZE__
__attribute__((error("the thalo_aggregate has no .handle, the function that decides"))) void thalo_no_handle(void);
__attribute__((error("the thalo_aggregate has no .apply, the function that changes the state"))) void thalo_no_apply(
    void);
__attribute__((error("the thalo_aggregate has a .snapshot_format but no .snapshot"))) void thalo_no_snapshot(void);
__attribute__((error("the thalo_aggregate has a .snapshot_format but no .restore"))) void thalo_no_restore(void);
#define THALO_REFUSE(condition, refuse)                           \
  do {                                                            \
    if (__builtin_constant_p(condition) && (condition)) refuse(); \
  } while (0)
#else
#define THALO_REFUSE(condition, refuse) (void)0
#endif

static inline void thalo_check_whole(const thalo_aggregate* aggregate) {
  const char* missing = thalo_missing(aggregate);
  if (missing == NULL) return;
  thalo_log(missing);
  abort();
}

#define THALO_NAME(name) "thalo:aggregate/aggregate@1.0.0#" name
#define THALO_EXPORTED(name) __attribute__((export_name(THALO_NAME(name)), used))
#define THALO_AFTER(name) __attribute__((export_name("cabi_post_" THALO_NAME(name)), used))

#define THALO_EXPORT(aggregate)                                                                                    \
  __attribute__((export_name("cabi_realloc"), used)) void* thalo_export_realloc(void* old, size_t old_size,        \
                                                                                size_t alignment, size_t size) {   \
    (void)alignment;                                                                                               \
    return thalo_abi_realloc(old, old_size, size);                                                                 \
  }                                                                                                                \
  THALO_EXPORTED("snapshot-format") const void* thalo_export_format(void) {                                        \
    THALO_REFUSE(aggregate.handle == NULL, thalo_no_handle);                                                       \
    THALO_REFUSE(aggregate.apply == NULL, thalo_no_apply);                                                         \
    THALO_REFUSE(aggregate.snapshot_format != NULL && aggregate.snapshot == NULL, thalo_no_snapshot);              \
    THALO_REFUSE(aggregate.snapshot_format != NULL && aggregate.restore == NULL, thalo_no_restore);                \
    thalo_check_whole(&aggregate);                                                                                 \
    thalo_answered.failed = aggregate.snapshot_format != NULL; /* option's some */                                 \
    if (aggregate.snapshot_format != NULL) thalo_answered.is.value = thalo_c_string(aggregate.snapshot_format);    \
    return &thalo_answered;                                                                                        \
  }                                                                                                                \
  THALO_EXPORTED("[constructor]entity") int thalo_export_construct(const char* id, size_t size) {                  \
    return thalo_resource_new(thalo_abi_construct(&aggregate, (thalo_text){id, size}));                            \
  }                                                                                                                \
  THALO_EXPORTED("[dtor]entity") void thalo_export_destroy(thalo_entity* entity) {                                 \
    thalo_abi_destroy(&aggregate, entity);                                                                         \
  }                                                                                                                \
  THALO_EXPORTED("[method]entity.apply")                                                                           \
  const void* thalo_export_apply(thalo_entity* entity, const thalo_event_record* events, size_t count) {           \
    return thalo_abi_apply(&aggregate, entity, events, count);                                                     \
  }                                                                                                                \
  THALO_EXPORTED("[method]entity.handle")                                                                          \
  const void* thalo_export_handle(thalo_entity* entity, const char* name, size_t name_size, const char* payload,   \
                                  size_t payload_size, const char* command_id, size_t command_id_size,             \
                                  uint64_t time_ms, uint64_t version, const char* correlation,                     \
                                  size_t correlation_size, const char* causation, size_t causation_size,           \
                                  const char* metadata, size_t metadata_size) {                                    \
    const thalo_context context = {entity->id,                                                                     \
                                   {command_id, command_id_size},                                                  \
                                   time_ms,                                                                        \
                                   version,                                                                        \
                                   {correlation, correlation_size},                                                \
                                   {causation, causation_size},                                                    \
                                   {metadata, metadata_size}};                                                     \
    const thalo_text command = {name, name_size};                                                                  \
    const thalo_outcome outcome = thalo_run_handle(&aggregate, entity->state, command,                             \
                                                   (thalo_text){payload, payload_size}, &context, &thalo_current); \
    return outcome == thalo_succeeded ? thalo_abi_events() : thalo_abi_result(outcome, command);                   \
  }                                                                                                                \
  THALO_EXPORTED("[method]entity.snapshot") const void* thalo_export_snapshot(thalo_entity* entity) {              \
    const bool ok = thalo_run_snapshot(&aggregate, entity->state, &thalo_current);                                 \
    return thalo_abi_text(ok, thalo_text_of(&thalo_current.answer.text));                                          \
  }                                                                                                                \
  THALO_EXPORTED("[method]entity.restore")                                                                         \
  const void* thalo_export_restore(thalo_entity* entity, const char* snapshot, size_t size) {                      \
    const bool ok = thalo_run_restore(&aggregate, entity->state, (thalo_text){snapshot, size}, &thalo_current);    \
    return thalo_abi_text(ok, (thalo_text){NULL, 0});                                                              \
  }                                                                                                                \
  THALO_AFTER("[method]entity.apply") void thalo_export_apply_done(const void* result) {                           \
    (void)result, thalo_abi_done();                                                                                \
  }                                                                                                                \
  THALO_AFTER("[method]entity.handle") void thalo_export_handle_done(const void* result) {                         \
    (void)result, thalo_abi_done();                                                                                \
  }                                                                                                                \
  THALO_AFTER("[method]entity.snapshot") void thalo_export_snapshot_done(const void* result) {                     \
    (void)result, thalo_abi_done();                                                                                \
  }                                                                                                                \
  THALO_AFTER("[method]entity.restore") void thalo_export_restore_done(const void* result) {                       \
    (void)result, thalo_abi_done();                                                                                \
  }

#endif
