// The canonical ABI of `thalo:aggregate/aggregate@1.0.0` (wit/aggregate.wit), written out: what the component's exports
// receive and return as numbers and memory. Only for wasm32; nothing here is for users.
//
// Memory: the host places a call's arguments through cabi_realloc, which takes them from an arena; the arena is emptied
// in one step when the call is over (in the post-return function, where the result needs memory too). One call runs at
// a time.
#pragma once

#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "thalo/dispatch.h"
#include "thalo/log.h"

namespace thalo::abi {

// The canonical ABI's string.
struct Text {
  const char* data = nullptr;
  std::size_t size = 0;
  std::string_view view() const { return size == 0 ? std::string_view() : std::string_view(data, size); }
  static Text of(std::string_view text) { return {text.data(), text.size()}; }
};

// The canonical ABI's event record.
struct EventRecord {
  Text type;
  Text payload;
};

static_assert(sizeof(EventRecord) == 16, "the canonical ABI of wasm32");

// ---- memory of a call ----

class Arena {
 public:
  void* allocate(std::size_t size, std::size_t alignment) {
    std::size_t begin = (used_ + alignment - 1) & ~(alignment - 1);
    if (begin + size <= sizeof first_) {
      used_ = begin + size;
      return first_ + begin;
    }
    return allocate_in_block(size, alignment);
  }
  void clear() {
    used_ = 0;
    while (block_ != nullptr) std::free(std::exchange(block_, block_->next));
  }

 private:
  struct alignas(16) Block {
    Block* next;
    std::size_t size;
    std::size_t used;
  };
  __attribute__((noinline)) void* allocate_in_block(std::size_t size, std::size_t alignment) {
    std::size_t begin = block_ == nullptr ? 0 : (block_->used + alignment - 1) & ~(alignment - 1);
    if (block_ == nullptr || begin + size > block_->size) {
      const std::size_t room = size > block_size_min ? size : block_size_min;
      auto* block = static_cast<Block*>(std::malloc(sizeof(Block) + room));
      if (block == nullptr) {
        log::error("out of memory");
        __builtin_trap();
      }
      *block = {.next = block_, .size = room, .used = 0};
      block_ = block;
      begin = 0;
    }
    block_->used = begin + size;
    return reinterpret_cast<char*>(block_ + 1) + begin;
  }
  static constexpr std::size_t block_size_min = 128 * 1024;
  alignas(16) char first_[8 * 1024];
  std::size_t used_ = 0;
  Block* block_ = nullptr;
};
inline constinit Arena arena{};

// ---- results ----

// Where a result is read from: its case, then what belongs to it. The largest is result<_, error>.
struct ResultArea {
  std::uint8_t kind = 0;
  union {
    struct {
      const void* data;
      std::size_t size;
    } value;
    struct {
      std::uint8_t kind;
      Text first;
      Text second;
    } failure;
  };
};
static_assert(sizeof(ResultArea) == 24 && offsetof(ResultArea, value) == 4 && offsetof(ResultArea, failure.first) == 8);
inline constinit ResultArea result{.kind = 0, .value = {nullptr, 0}};
inline constinit detail::Answer answer{};
inline constinit std::string problem{};

inline const void* done() {
  result.kind = 0;
  return &result;
}
inline const void* done(const void* data, std::size_t size) {
  result.value = {data, size};
  return done();
}
// result<string, string>'s and result<_, string>'s failure.
inline const void* failed(std::string_view reason) {
  result.value = {reason.data(), reason.size()};
  result.kind = 1;
  return &result;
}
__attribute__((noinline)) inline const void* failed(const detail::Failure& failure) {
  result.kind = 1;
  result.failure.kind = static_cast<std::uint8_t>(failure.kind);
  // Of the two cases with one text only the second kind is used here: serialize-event(string).
  const bool alone = failure.kind == detail::FailureCase::serialize_event;
  result.failure.first = Text::of(alone ? failure.message : failure.name);
  result.failure.second = Text::of(failure.message);
  return &result;
}

// The events of `answer` as the canonical ABI's list.
__attribute__((noinline)) inline const void* answered() {
  if (answer.failure) return failed(*answer.failure);
  const std::size_t count = answer.events.size();
  auto* list = static_cast<EventRecord*>(arena.allocate(count * sizeof(EventRecord), alignof(EventRecord)));
  for (std::size_t index = 0; index < count; ++index) {
    const auto& event = answer.events[index];
    list[index] = {Text::of(event.type), Text::of(answer.payload(event))};
  }
  return done(list, count);
}

inline void finish_call() {
  answer.clear();
  arena.clear();
}

// ---- the calls ----

extern "C"
    __attribute__((import_module("[export]thalo:aggregate/aggregate@1.0.0"), import_name("[resource-new]entity"))) int
    thalo_resource_new_entity(void* entity);

template <class A>
struct Entity {
  std::string id;
  A state;
};

template <class A>
struct Guest {
  static const void* snapshot_format() {
    if constexpr (detail::HasSnapshots<A>) {
      constexpr std::string_view name = A::snapshot_format;
      result.kind = 1;  // option's some
      result.value = {name.data(), name.size()};
    } else {
      result.kind = 0;
    }
    return &result;
  }

  static int construct(Text id) {
    auto* entity = new Entity<A>{std::string(id.view()), detail::make<A>(id.view())};
    arena.clear();
    return thalo_resource_new_entity(entity);
  }

  static void destroy(Entity<A>* entity) { delete entity; }

  static const void* apply(Entity<A>* entity, const EventRecord* events, std::size_t count) {
    for (const EventRecord* event = events; event != events + count; ++event) {
      problem.clear();
      if (!detail::apply(entity->state, event->type.view(), event->payload.view(), problem)) {
        answer.fail(detail::FailureCase::deserialize_event, event->type.view(), problem);
        return failed(*answer.failure);
      }
    }
    return done();
  }

  static const void* handle(Entity<A>* entity, Text name, Text payload, Context context) {
    context.id = entity->id;
    detail::handle(entity->state, name.view(), payload.view(), context, answer);
    return answered();
  }

  static const void* snapshot(Entity<A>* entity) {
    if constexpr (detail::HasSnapshots<A>) {
      problem.clear();
      if (!detail::snapshot(entity->state, answer.text, problem)) return failed(problem);
      return done(answer.text.data(), answer.text.size());
    } else {
      return failed("this aggregate offers no snapshots: it has no snapshot_format");
    }
  }

  static const void* restore(Entity<A>* entity, Text text) {
    if constexpr (detail::HasSnapshots<A>) {
      problem.clear();
      if (!detail::restore(entity->state, text.view(), problem)) return failed(problem);
      return done();
    } else {
      return failed("this aggregate offers no snapshots: it has no snapshot_format");
    }
  }
};

extern "C" __attribute__((export_name("cabi_realloc"), used, weak)) void* cabi_realloc(void* old, std::size_t old_size,
                                                                                       std::size_t alignment,
                                                                                       std::size_t size) {
  void* place = arena.allocate(size, alignment);
  if (old_size != 0) std::memcpy(place, old, old_size < size ? old_size : size);
  return place;
}

}  // namespace thalo::abi

// ---- the end of an instance ----
//
// Without exceptions, what the standard library would throw ends the instance. These replacements say why in the log;
// the library's own would bring the whole of printf.

__attribute__((weak)) void* operator new(std::size_t size) {
  void* place = std::malloc(size == 0 ? 1 : size);
  if (place != nullptr) return place;
  thalo::log::error("out of memory");
  __builtin_trap();
}

#if defined(_LIBCPP_VERSION)
_LIBCPP_BEGIN_NAMESPACE_STD
__attribute__((weak, noreturn)) void __libcpp_verbose_abort(const char* format, ...) noexcept(noexcept(
    ::std::__libcpp_verbose_abort(""))) {  // as the library has declared it, which differs between its versions
  // The format is the message, or has one place for it, the first argument.
  std::string_view message = format;
  const std::size_t place = message.find("%s");
  if (place != std::string_view::npos) {
    std::va_list arguments;
    va_start(arguments, format);
    message = va_arg(arguments, const char*);
    va_end(arguments);
  }
  thalo::log::error(message);
  __builtin_trap();
}
_LIBCPP_END_NAMESPACE_STD
#endif

// ---- the exports ----

#define THALO_DETAIL_INTERFACE "thalo:aggregate/aggregate@1.0.0#"
#define THALO_DETAIL_EXPORT(name) __attribute__((export_name(THALO_DETAIL_INTERFACE name), used))
#define THALO_DETAIL_POST_RETURN(name) __attribute__((export_name("cabi_post_" THALO_DETAIL_INTERFACE name), used))

#define THALO_DETAIL_EXPORTS(Aggregate)                                                                               \
  extern "C" {                                                                                                        \
  THALO_DETAIL_EXPORT("snapshot-format") const void* thalo_snapshot_format() {                                        \
    return ::thalo::abi::Guest<Aggregate>::snapshot_format();                                                         \
  }                                                                                                                   \
  THALO_DETAIL_EXPORT("[constructor]entity") int thalo_entity_construct(const char* id, std::size_t id_size) {        \
    return ::thalo::abi::Guest<Aggregate>::construct({id, id_size});                                                  \
  }                                                                                                                   \
  THALO_DETAIL_EXPORT("[dtor]entity") void thalo_entity_destroy(::thalo::abi::Entity<Aggregate>* entity) {            \
    ::thalo::abi::Guest<Aggregate>::destroy(entity);                                                                  \
  }                                                                                                                   \
  THALO_DETAIL_EXPORT("[method]entity.apply")                                                                         \
  const void* thalo_entity_apply(::thalo::abi::Entity<Aggregate>* entity, const ::thalo::abi::EventRecord* events,    \
                                 std::size_t count) {                                                                 \
    return ::thalo::abi::Guest<Aggregate>::apply(entity, events, count);                                              \
  }                                                                                                                   \
  THALO_DETAIL_EXPORT("[method]entity.handle")                                                                        \
  const void* thalo_entity_handle(::thalo::abi::Entity<Aggregate>* entity, const char* name, std::size_t name_size,   \
                                  const char* payload, std::size_t payload_size, const char* command_id,              \
                                  std::size_t command_id_size, std::uint64_t time_ms, std::uint64_t version,          \
                                  const char* correlation_id, std::size_t correlation_id_size,                        \
                                  const char* causation_id, std::size_t causation_id_size, const char* metadata,      \
                                  std::size_t metadata_size) {                                                        \
    return ::thalo::abi::Guest<Aggregate>::handle(entity, {name, name_size}, {payload, payload_size},                 \
                                                  {.id = {},                                                          \
                                                   .command_id = {command_id, command_id_size},                       \
                                                   .time_ms = time_ms,                                                \
                                                   .version = version,                                                \
                                                   .correlation_id = {correlation_id, correlation_id_size},           \
                                                   .causation_id = {causation_id, causation_id_size},                 \
                                                   .metadata = {metadata, metadata_size}});                           \
  }                                                                                                                   \
  THALO_DETAIL_EXPORT("[method]entity.snapshot")                                                                      \
  const void* thalo_entity_snapshot(::thalo::abi::Entity<Aggregate>* entity) {                                        \
    return ::thalo::abi::Guest<Aggregate>::snapshot(entity);                                                          \
  }                                                                                                                   \
  THALO_DETAIL_EXPORT("[method]entity.restore")                                                                       \
  const void* thalo_entity_restore(::thalo::abi::Entity<Aggregate>* entity, const char* snapshot, std::size_t size) { \
    return ::thalo::abi::Guest<Aggregate>::restore(entity, {snapshot, size});                                         \
  }                                                                                                                   \
  THALO_DETAIL_POST_RETURN("[method]entity.apply") void thalo_entity_apply_done(const void*) {                        \
    ::thalo::abi::finish_call();                                                                                      \
  }                                                                                                                   \
  THALO_DETAIL_POST_RETURN("[method]entity.handle") void thalo_entity_handle_done(const void*) {                      \
    ::thalo::abi::finish_call();                                                                                      \
  }                                                                                                                   \
  THALO_DETAIL_POST_RETURN("[method]entity.snapshot") void thalo_entity_snapshot_done(const void*) {                  \
    ::thalo::abi::finish_call();                                                                                      \
  }                                                                                                                   \
  THALO_DETAIL_POST_RETURN("[method]entity.restore") void thalo_entity_restore_done(const void*) {                    \
    ::thalo::abi::finish_call();                                                                                      \
  }                                                                                                                   \
  }
