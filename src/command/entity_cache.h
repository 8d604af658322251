// The entities of one shard that are in memory, and which of them was used least recently.
//
// Confined to its shard's thread.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "command/caller.h"
#include "command/command_ids.h"
#include "command/gate.h"
#include "command/instance_pool.h"
#include "model/command.h"
#include "store/stream_hash.h"

namespace thalo::command {

// What a task asks for.
enum class TaskKind : std::uint8_t {
  execute,  // let the entity handle the command, store its events
  dry_run,  // let it handle the command, store nothing
  append    // store `events` as they are, whatever the aggregate thinks of them
};

// Something to do for an entity, and who waits for it. For an append, `command` has the stream, the time, the expected
// version and the deadline.
struct Task {
  Task(TaskKind what, model::Command of, std::unique_ptr<Caller> from)
      : kind(what),
        stream_hash(store::stream_hash(of.stream.view())),
        command(std::move(of)),
        caller(std::move(from)) {}
  Task(Task&&) noexcept = default;
  Task& operator=(Task&&) noexcept = default;

  TaskKind kind;
  std::uint64_t stream_hash;
  model::Command command;
  std::vector<model::NewEvent> events;
  std::unique_ptr<Caller> caller;
  std::chrono::steady_clock::time_point queued;  // for the shard
};

enum class EntityState : std::uint8_t {
  ready,    // has its state; takes commands
  loading,  // is being rebuilt from its events
  settling  // must be rebuilt, but has events under way: waits until they are durable
};

// What an entity needs until it is ready.
struct Preparation {
  // From this position on events are applied one by one, to find the one the module cannot apply.
  model::Position careful_from = UINT64_MAX;
  std::vector<Task> waiting;
};

struct Entity {
  Entity() = default;
  explicit Entity(model::StreamName of) : flight(std::make_shared<Flight>(std::move(of))) {}

  const model::StreamName& stream() const { return flight->stream; }

  std::shared_ptr<Flight> flight;  // of this incarnation; never null in a cache
  std::uint64_t version = 0;
  Seat seat;
  CommandIds command_ids;
  std::unique_ptr<Preparation> preparation;
  std::uint64_t snapshot_version = 0;  // of the newest snapshot taken or restored
  std::chrono::steady_clock::time_point snapshot_time{};
  EntityState state = EntityState::loading;
  bool snapshot_due = false;    // waits in the shard's queue of snapshots to take
  bool is_placeholder = false;  // the cache's own

  bool has_appends_under_way() const { return flight->appends.load() > 0; }
  bool is_ahead_of_its_stream() const { return flight->chain.broken.load(); }
  Preparation& prepare() {
    if (preparation == nullptr) preparation = std::make_unique<Preparation>();
    return *preparation;
  }
  // Forgets what was built in memory; the stream name, those waiting and when a snapshot was taken stay.
  void forget();
};

// A hash table whose slots say where the entities lie, which never move; a command touches few lines of memory that no
// cache of the processor holds, and who knows the next commands can have those brought up beforehand.
class EntityCache {
 public:
  explicit EntityCache(std::size_t capacity) : capacity_(capacity) {}

  // `hash` is the stream_hash of `stream`, everywhere.
  // Null when it is not in memory. Counts as a use.
  Entity* find(std::string_view stream, std::uint64_t hash);
  Entity* find(std::string_view stream) { return find(stream, store::stream_hash(stream)); }
  // Like find, but no use.
  Entity* peek(std::string_view stream, std::uint64_t hash);
  Entity* peek(std::string_view stream) { return peek(stream, store::stream_hash(stream)); }
  // Adds an entity that is not in memory, and throws out what is beyond the capacity: placeholders, then the least
  // recently used; those that are ready and have nothing under way (others stay; their number is bounded by the shard's
  // queue).
  Entity& add(const model::StreamName& stream, std::uint64_t hash) { return entity(add_to(used_, stream, hash)); }
  // The same for an entity that has no state, only appends under way: an import into very many streams costs no entity
  // that has state its place. A find() makes it one like the others.
  Entity& add_placeholder(const model::StreamName& stream, std::uint64_t hash);
  void remove(std::string_view stream);
  std::size_t size() const { return size_; }

  // For a command that comes soon: what it needs is brought up from memory in steps, each for what the one before has
  // found; so others should lie between them.
  static constexpr std::size_t fetch_steps = 3 + wasm::Instance::fetch_steps;
  void fetch(std::uint64_t hash, std::size_t step) const;

 private:
  // Where an entity lies. The first place is nobody's: 0 stands for none.
  using Place = std::uint32_t;
  static constexpr std::size_t chunk_entities = 256;
  using Chunk = std::array<Entity, chunk_entities>;
  struct Slot {
    std::uint32_t tag = 0;  // of the hash; its low bits are the slot where the search begins
    Place place = 0;        // 0: free
  };
  struct Links {
    Place newer = 0;
    Place older = 0;
  };
  struct List {
    Place newest = 0;
    Place oldest = 0;
  };

  // Not the bits that choose the shard.
  static std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }
  std::size_t mask() const { return slots_.size() - 1; }
  Entity& entity(Place place) { return (*chunks_[place / chunk_entities])[place % chunk_entities]; }
  const Entity& entity(Place place) const { return (*chunks_[place / chunk_entities])[place % chunk_entities]; }
  List& list_of(Place place) { return entity(place).is_placeholder ? placeholders_ : used_; }
  // The slot of `stream`, or the free one where it belongs.
  std::size_t slot_of(std::string_view stream, std::uint64_t hash) const;
  // The first place with the tag of `hash`; 0: none.
  Place likely_place(std::uint64_t hash) const;
  void insert(Slot slot);
  void empty_slot(std::size_t at);
  void grow();
  Place add_to(List& list, const model::StreamName& stream, std::uint64_t hash);
  Place free_place();
  void link(List& list, Place place);
  void unlink(List& list, Place place);
  void erase(std::size_t slot);
  void trim(List& list);

  const std::size_t capacity_;
  std::size_t size_ = 0;
  std::vector<Slot> slots_ = std::vector<Slot>(64);
  std::vector<std::unique_ptr<Chunk>> chunks_;
  std::vector<Links> links_ = std::vector<Links>(1);  // by place; apart from the entities, so that neighbours' are near
  Place free_ = 0;                                    // the first free place; the others behind it, as `older`
  List used_;
  List placeholders_;
};

}  // namespace thalo::command
