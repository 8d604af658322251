// One shard: a thread that owns a share of the entities, so that each entity has a single writer and its state needs no locks.
//
// Load (rebuild from events), execute, append: the answers leave through the gate. A cold entity is rebuilt in slices between the commands of the
// others, so a long replay stalls nobody.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "base/bounded_queue.h"
#include "command/catalog.h"
#include "command/entity_cache.h"
#include "command/gate.h"
#include "command/instance_pool.h"
#include "store/store.h"

namespace thalo::command {

struct ShardOptions {
  std::size_t queue_commands_max = 8192;           // waiting for the shard
  std::size_t queue_bytes_max = 64u << 20;         // of their payloads
  std::size_t entity_queue_commands_max = 1024;    // waiting for one entity that is being rebuilt
  std::size_t appends_under_way_max = 4096;        // beyond it the shard takes no command until the store catches up
  std::size_t cached_entities_max = 10000;
  std::size_t replay_slice_events = 1000;          // applied in one call into the guest
  std::size_t replay_slice_bytes = 1u << 20;
  wasm::Limits limits;
};

class Shard final : public store::AppendSink {
 public:
  // The store and the catalog must outlive the shard.
  Shard(std::size_t number, const ShardOptions& options, store::Store& store, const Catalog& catalog);
  ~Shard() override;
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  // Queues a command of an entity this shard owns; takes the caller only on success. RESOURCE_EXHAUSTED (full), UNAVAILABLE (stopping). Any thread.
  base::Result<> submit(Task&& task);

  // Refuses new commands, finishes those taken, ends the thread. The store must be open. Idempotent.
  void stop();

  std::size_t cached_entities() const { return cached_entities_.load(std::memory_order_relaxed); }

  void on_appended(std::span<store::AppendOutcome> outcomes) override;

 private:
  struct Wake {
    std::string stream;
  };
  using Message = std::variant<Task, Wake, Answer>;

  void run();
  bool next_messages(std::vector<Message>& messages);
  void take(Task task);
  void take(Wake wake);
  void take(Answer original);

  // Loading.
  void rebuild(Entity& entity);
  void start_loading(Entity& entity);
  void load_some();
  bool load_slice(Entity& entity);
  void fail_loading(Entity& entity, base::Error error);
  void finish_loading(Entity& entity);

  // Executing.
  bool must_rebuild(const Entity& entity);
  void execute(Entity& entity, Task task);
  void append(Entity& entity, Task task, std::vector<model::NewEvent> events);
  void answer(Entity& entity, Task& task, base::Result<ExecuteOutcome> outcome);
  const std::shared_ptr<const wasm::Module>* current_module(std::string_view category);

  const ShardOptions options_;
  store::Store& store_;
  const Catalog& catalog_;
  base::BoundedQueue<Message> inbox_;
  Gate gate_;

  // Of the shard's thread alone.
  std::shared_ptr<const Catalog::Modules> modules_;
  std::uint64_t modules_generation_ = UINT64_MAX;
  InstancePool instances_;
  EntityCache entities_;
  std::deque<std::string> loading_;  // streams, in turn
  std::size_t settling_ = 0;

  std::atomic<std::size_t> cached_entities_ = 0;
  std::thread thread_;
};

}  // namespace thalo::command
