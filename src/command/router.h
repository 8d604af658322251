// The front of the command path: checks a command once, finds its shard and queues it there.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "command/caller.h"
#include "command/catalog.h"
#include "command/shard.h"
#include "command/slow_lane.h"
#include "env/clock.h"
#include "store/store.h"

namespace thalo::command {

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
  // The store, the catalog and the clock must outlive the router, and the store must be open until stop() returned.
  Router(const RouterOptions& options, store::Store& store, const Catalog& catalog, const env::Clock& clock);

  // Executes a command; what comes of it, including every error, reaches `caller`. Never blocks. Any thread.
  void execute(ExecuteRequest request, std::unique_ptr<Caller> caller);

  // Finishes every command taken and refuses new ones with UNAVAILABLE. Idempotent.
  void stop();

  std::size_t cached_entities() const;
  std::size_t shards() const { return shards_.size(); }

 private:
  base::Result<model::Command> check(ExecuteRequest& request) const;

  const Catalog& catalog_;
  const env::Clock& clock_;
  // The slow lane's shard outlives the others, which hand entities over to it.
  std::unique_ptr<Shard> slow_shard_;
  std::unique_ptr<SlowLane> slow_lane_;
  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace thalo::command
