// One shard: a thread that owns a share of the entities, so that each entity has a single writer and its state needs no
// locks.
//
// Load (rebuild from events), execute, append: the answers leave through the gate. A cold entity is rebuilt in slices
// between the commands of the others, so a long replay stalls nobody.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "base/bounded_queue.h"
#include "command/catalog.h"
#include "command/entity_cache.h"
#include "command/gate.h"
#include "command/instance_pool.h"
#include "command/pace.h"
#include "command/slow_lane.h"
#include "store/store.h"

namespace thalo::command {

struct ShardOptions {
  std::size_t queue_commands_max = 8192;    // waiting for the shard
  std::size_t queue_bytes_max = 64u << 20;  // of their payloads; so many again of those that wait for a rebuild
  // What the last one waiting for the shard waits, at the speed of the last ones; beyond it new ones are refused, but
  // for Pace::always. 0: as long as it takes.
  std::chrono::milliseconds queue_wait_max{2000};
  std::size_t entity_queue_commands_max = 1024;  // waiting for one entity that is being rebuilt
  std::size_t appends_under_way_max = 4096;      // beyond it the shard takes no command until the store catches up
  std::size_t cached_entities_max = 10000;
  std::size_t replay_slice_events = 1000;  // read and applied before it is the others' turn
  std::size_t replay_slice_bytes = 1u << 20;
  std::chrono::milliseconds replay_slice_time{10};  // the call in which it passes is the slice's last
  // Of those, applied in one call into the guest: long streams are not to make an aggregate look slow. In JavaScript an
  // event takes 50 µs, and a thousand the whole budget of the fast lane.
  std::size_t replay_call_events = 100;
  // A snapshot of an entity is taken when so many events came since the last one, and no more often than so; where its
  // module offers them.
  std::uint64_t snapshot_events = 1000;
  std::map<std::string, std::uint64_t, std::less<>>
      snapshot_events_of;  // by category, instead of snapshot_events; 0: never
  std::chrono::milliseconds snapshot_interval{10000};
  wasm::Limits limits;
  Crowding crowding;
};

// What a shard knows of an entity.
struct EntityDescription {
  bool cached = false;
  // Only when cached.
  std::uint64_t version = 0;
  std::uint64_t instance = 0;
  std::size_t instance_entities = 0;
  std::size_t instance_memory_bytes = 0;
  std::string module;
  std::string module_digest;
};

class Shard final : public store::AppendSink {
 public:
  // `name` is the thread's name and appears in errors (at most 15 bytes). `slow_lane` is null for the shard that serves
  // the slow lane. `runs` may be null. The store, the catalog, the slow lane and `runs` must outlive the shard.
  Shard(const std::string& name, const ShardOptions& options, store::Store& store, const Catalog& catalog,
        SlowLane* slow_lane, AnswerRuns* runs);
  ~Shard() override;
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  // Queues a command of an entity this shard owns; moves from `task` only on success. RESOURCE_EXHAUSTED (full),
  // UNAVAILABLE (stopping). Any thread.
  base::Result<> submit(Task& task);

  // Calls `show` on the shard's thread; it must not block. Errors like submit, and then `show` is not called. Any
  // thread.
  base::Result<> describe(std::string stream, std::function<void(const EntityDescription&)> show);

  // Refuses new commands, finishes those taken, ends the thread. An entity that is being rebuilt for callers of whom
  // none is left is given up. The store must be open. Idempotent.
  void stop();

  std::size_t cached_entities() const { return cached_entities_.load(std::memory_order_relaxed); }

  void on_appended(std::span<store::AppendOutcome> outcomes) override;

 private:
  struct Wake {
    base::SharedText stream;
  };
  struct Describe {
    std::string stream;
    std::function<void(const EntityDescription&)> show;
  };
  struct SaveSnapshot {
    base::SharedText stream;
    store::Snapshot snapshot;
  };
  using Message = std::variant<Task, Wake, Answer, Describe, SaveSnapshot>;
  class SnapshotSaver;

  void run();
  void keep_pace(std::size_t handled);
  std::optional<base::Error> waited_too_long(const Task& task) const;
  void give_up(Task task, base::Error reason);
  bool next_messages(std::vector<Message>& messages);
  void take(Task task);
  void take(const Wake& wake);
  void take(Answer original);
  void take(const Describe& describe);
  void take(const SaveSnapshot& save);

  // The slow lane.
  bool is_slow(const Entity& entity) const {
    return slow_lane_ != nullptr && slow_lane_->has(entity.stream().category());
  }
  bool must_slow_down(const Entity& entity, const base::Error& error);
  void hand_over(Entity& entity);
  void pass_to_slow_lane(Task task);

  // Waiting until an entity is ready.
  std::size_t weight_of(const Task& task) const;
  base::Error no_room() const;
  void wait_for(Entity& entity, Task task);
  std::vector<Task> take_waiting(Entity& entity);
  void refuse_waiting(Entity& entity, const base::Error& error);
  bool is_abandoned(const Entity& entity) const;

  // Loading.
  void rebuild(Entity& entity);
  void start_loading(Entity& entity);
  void load_some();
  void give_up_loading(Entity& entity);
  bool load_slice(Entity& entity);
  void fail_replay(Entity& entity, std::span<const model::EventView> events, const base::Error& error);
  void fail_loading(Entity& entity, const base::Error& error);
  void finish_loading(Entity& entity);

  // Snapshots.
  void note_version(Entity& entity);
  void take_due_snapshot();
  void take_snapshot(Entity& entity);
  bool restore_snapshot(Entity& entity);

  // Executing.
  bool must_rebuild(const Entity& entity);
  void execute(Entity& entity, Task task);
  void append(Entity& entity, Task task, std::vector<model::NewEvent> events);
  void append_directly(Entity* entity, Task task);
  // Holds the caller for the outcome and queues the append; when the store refuses it, the caller is back in `task`.
  base::Result<> hand_to_store(const std::shared_ptr<Flight>& flight, model::ExpectedVersion expected, Task& task,
                               std::vector<model::NewEvent> events, model::Accepted accepted);
  void answer(Entity& entity, Task& task, base::Result<ExecuteOutcome> outcome);
  const std::shared_ptr<const wasm::Module>* current_module(std::string_view category);

  const ShardOptions options_;
  store::Store& store_;
  const Catalog& catalog_;
  SlowLane* const slow_lane_;
  base::BoundedQueue<Message> inbox_;
  Gate gate_;

  // Of the shard's thread alone.
  std::shared_ptr<const Catalog::Modules> modules_;
  std::uint64_t modules_generation_ = UINT64_MAX;
  Pace pace_;
  std::size_t in_hand_ = 0;   // taken and not done
  std::size_t given_up_ = 0;  // since the pace was told: no work, and nothing of how fast the others are
  InstancePool instances_;
  EntityCache entities_;
  std::vector<model::EventView> views_;   // kept for its memory: empty but while append() applies events
  std::deque<base::SharedText> loading_;  // streams, in turn
  std::size_t settling_ = 0;
  std::size_t waiting_bytes_ = 0;  // of the commands that wait for their entities
  std::deque<base::SharedText> snapshots_due_;

  std::atomic<std::size_t> cached_entities_ = 0;
  std::thread thread_;
};

}  // namespace thalo::command
