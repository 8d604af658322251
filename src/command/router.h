// The front of the command path: checks a command once, finds its shard and queues it there.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "command/caller.h"
#include "command/catalog.h"
#include "command/shard.h"
#include "command/slow_lane.h"
#include "env/clock.h"
#include "store/store.h"

namespace thalo::command {

// Events as a client sent them, to be stored as they are: nothing is checked yet.
struct AppendRequest {
  std::string stream;
  std::optional<std::uint64_t> expected_version;
  std::vector<model::NewEvent> events;
  std::optional<std::int64_t> time_ms;
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
};

// A command as a client sent it: nothing is checked yet.
struct ExecuteRequest {
  std::string category;
  std::string id;
  std::string command;
  std::string payload;  // JSON
  std::optional<std::uint64_t> expected_version;
  std::string command_id;
  std::string correlation_id;
  std::string causation_id;
  std::string metadata;  // a JSON object, or empty
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
};

struct RouterOptions {
  std::size_t shards = 1;
  std::size_t cached_entities_max = 10000;  // of all shards together
  // What one call into a guest may take before its category moves to the slow lane, where the shard's own limit holds.
  std::chrono::milliseconds fast_lane_time_per_call{50};
  ShardOptions shard;  // its cached_entities_max is set from the total
};

class Router {
 public:
  // The store, the catalog, the clock and `runs` (may be null) must outlive the router, and the store must be open
  // until stop() returned.
  Router(const RouterOptions& options, store::Store& store, const Catalog& catalog, const env::Clock& clock,
         AnswerRuns* runs = nullptr);

  // Executes a command; what comes of it, including every error, reaches `caller`. Never blocks. Any thread.
  void execute(ExecuteRequest request, std::unique_ptr<Caller> caller);

  // What the command would do now; nothing is stored. The events have no global positions.
  void dry_run(ExecuteRequest request, std::unique_ptr<Caller> caller);

  // Appends events directly. The answer is an Accepted whose one event has the places of the first event.
  void append(AppendRequest request, std::unique_ptr<Caller> caller);

  // Calls `show` with what is known of the entity; on a shard's thread, so it must not block.
  base::Result<> describe(const model::StreamName& stream, std::function<void(const EntityDescription&)> show);

  // Finishes every command taken and refuses new ones with UNAVAILABLE. Idempotent.
  void stop();

  std::size_t cached_entities() const;
  std::size_t shards() const { return shards_.size(); }

 private:
  base::Result<model::Command> check(ExecuteRequest& request) const;
  base::Result<Task> check(AppendRequest& request) const;
  void submit(TaskKind kind, ExecuteRequest request, std::unique_ptr<Caller> caller);
  Shard& shard_of(std::string_view stream);

  const Catalog& catalog_;
  const env::Clock& clock_;
  // The slow lane's shard outlives the others, which hand entities over to it.
  std::unique_ptr<Shard> slow_shard_;
  std::unique_ptr<SlowLane> slow_lane_;
  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace thalo::command
