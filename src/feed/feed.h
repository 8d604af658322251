// Everything downstream of the store: subscriptions and projections, over one tail.
//
//   any thread   join, subscribe, acknowledge, … ──> the loop's queue
//   feed         the tail, every projection's machine, subscribers and consumers; never waits for the disk but to read
//                what was just committed
//   feed-read-N  reads for those who are behind
//   cursors-0    saves cursors, all that changed together
//
// Nothing here can hold a command up: the committer only sets a flag and wakes the feed's thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "base/result.h"
#include "env/clock.h"
#include "feed/projections.h"
#include "feed/subscriptions.h"
#include "feed/tail.h"
#include "store/store.h"

namespace thalo::feed {

struct FeedOptions {
  std::size_t read_threads = 2;
  // Cursors that change more often are saved so often.
  std::chrono::milliseconds save_interval{100};
  // Cursors of projections that only pass by events of others are saved so often.
  std::chrono::milliseconds save_idle_interval{10'000};
  // Members that were sent nothing since the last time are told where their projection is.
  std::chrono::milliseconds heartbeat{10'000};
  std::size_t projections_max = 10'000;
  std::size_t members_max = 64;  // of one projection
  std::size_t subscriptions_max = 10'000;
  std::size_t waiting_max = 10'000;  // for projections to pass something
  TailLimits tail = {};
  // While what it returns lives, whoever sends what consumers get need not be woken for each of them. May be empty.
  std::function<std::shared_ptr<void>()> hold_wake_ups = {};
};

class Feed : public Projections, public Subscriptions {
 public:
  // The store and the clock must outlive it. DATA_LOSS: a cursor cannot be read.
  static base::Result<std::unique_ptr<Feed>> start(store::Store& store, const env::Clock& clock,
                                                   const FeedOptions& options = {});
  // Memberships and subscriptions must be gone, or not be used any more.
  ~Feed() override = default;
  // Tells everybody (UNAVAILABLE), saves the cursors, ends the threads. The store must be open. Idempotent.
  virtual void stop() = 0;
};

}  // namespace thalo::feed
