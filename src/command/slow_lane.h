// Which categories have been moved to the slow lane, and the shard that serves it.
//
// The shards are shared by all aggregates, so a guest that burns a whole time limit would stall everyone behind it. A
// shard of the fast lane therefore gives a call a short budget only. A call that exceeds it (or any other limit) moves
// its category to the slow lane, a shard of its own with the full limits and a lower priority, and is executed anew
// there: `handle` is a function of state and command, and nothing of the first attempt is stored. A category stays
// there until the runtime restarts. The shard that owned an entity before still is the only way to it, so commands keep
// their order.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

namespace thalo::command {

class Shard;

class SlowLane {
 public:
  explicit SlowLane(Shard& shard) : shard_(shard) {}

  // Any thread; free while no category has been moved.
  bool has(std::string_view category) const {
    if (!any_.load(std::memory_order_acquire)) return false;
    std::lock_guard lock(mutex_);
    return categories_.contains(category);
  }

  // True when it was not there before. Any thread.
  bool move_here(std::string_view category) {
    std::lock_guard lock(mutex_);
    const bool moved = categories_.emplace(category).second;
    any_.store(true, std::memory_order_release);
    return moved;
  }

  Shard& shard() const { return shard_; }

 private:
  Shard& shard_;
  std::atomic<bool> any_ = false;
  mutable std::mutex mutex_;
  std::set<std::string, std::less<>> categories_;
};

}  // namespace thalo::command
