// The entities of one shard that are in memory, and which of them was used least recently.
//
// Confined to its shard's thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "command/caller.h"
#include "command/command_ids.h"
#include "command/gate.h"
#include "command/instance_pool.h"
#include "model/command.h"

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
      : kind(what), command(std::move(of)), caller(std::move(from)) {}
  Task(Task&&) noexcept = default;
  Task& operator=(Task&&) noexcept = default;

  TaskKind kind;
  model::Command command;
  std::vector<model::NewEvent> events;
  std::unique_ptr<Caller> caller;
};

enum class EntityState : std::uint8_t {
  ready,    // has its state; takes commands
  loading,  // is being rebuilt from its events
  settling  // must be rebuilt, but has events under way: waits until they are durable
};

struct Entity {
  explicit Entity(model::StreamName of) : flight(std::make_shared<Flight>(std::move(of))) {}

  const model::StreamName& stream() const { return flight->stream; }

  EntityState state = EntityState::loading;
  bool snapshot_due = false;  // waits in the shard's queue of snapshots to take
  std::uint64_t version = 0;
  // While loading: from this position on events are applied one by one, to find the one the module cannot apply.
  model::Position careful_from = UINT64_MAX;
  Seat seat;
  std::shared_ptr<Flight> flight;  // of this incarnation; never null
  CommandIds command_ids;
  std::uint64_t snapshot_version = 0;  // of the newest snapshot taken or restored
  std::chrono::steady_clock::time_point snapshot_time{};
  std::vector<Task> waiting;    // while not ready
  bool is_placeholder = false;  // the cache's own

  bool has_appends_under_way() const { return flight->appends.load() > 0; }
  bool is_ahead_of_its_stream() const { return flight->failed.load(); }
  // Forgets what was built in memory; the stream name, those waiting and when a snapshot was taken stay.
  void forget();
};

class EntityCache {
 public:
  explicit EntityCache(std::size_t capacity) : capacity_(capacity) {}

  // Null when it is not in memory. Counts as a use.
  Entity* find(std::string_view stream);
  // Like find, but no use.
  Entity* peek(std::string_view stream);
  // Adds an entity that is not in memory, and throws out what is beyond the capacity: placeholders, then the least
  // recently used; those that are ready and have nothing under way (others stay; their number is bounded by the shard's
  // queue).
  Entity& add(const model::StreamName& stream);
  // The same for an entity that has no state, only appends under way: an import into very many streams costs no entity
  // that has state its place. A find() makes it one like the others.
  Entity& add_placeholder(const model::StreamName& stream);
  void remove(std::string_view stream);
  std::size_t size() const { return index_.size(); }

 private:
  // Stays when the entity moves from one list to the other.
  using Place = std::list<Entity>::iterator;
  // By the stream's name, which is in the entity alone.
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view stream) const { return std::hash<std::string_view>{}(stream); }
    std::size_t operator()(Place entity) const { return (*this)(entity->stream().text()); }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(Place entity, std::string_view stream) const { return entity->stream().text() == stream; }
    bool operator()(std::string_view stream, Place entity) const { return entity->stream().text() == stream; }
    bool operator()(Place one, Place other) const { return one == other; }
  };

  Entity& add_to(std::list<Entity>& list, const model::StreamName& stream);
  void trim();
  void trim(std::list<Entity>& list);

  const std::size_t capacity_;
  std::list<Entity> entities_;  // most recently used first
  std::list<Entity> placeholders_;
  std::unordered_set<Place, Hash, Equal> index_;
};

}  // namespace thalo::command
