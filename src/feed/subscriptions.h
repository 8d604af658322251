// Subscriptions: following the store from any place, with nothing kept for the subscriber.
//
// Events come in global order, without gap or repetition, a stretch at a time while the subscriber takes them. One that
// does not costs what it holds: a stretch. Every call may come from any thread and never blocks.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "feed/delivery.h"
#include "feed/filter.h"
#include "feed/projections.h"

namespace thalo::feed {

struct SubscribeRequest {
  Filter filter = {};
  Start start = {};
  std::chrono::milliseconds heartbeat{10'000};
  // What the subscriber would do with each event batch first and costs time, e.g. encoding; called on a reading thread
  // with batches that are read for this subscriber alone. May be empty.
  std::function<void(const EventBatch&)> prepare = {};
};

// What a subscriber is told: some events, or only where it is.
struct Progress {
  Selection selection = {};        // perhaps without events, and then perhaps without a batch
  model::GlobalPosition next = 0;  // where to go on
  std::uint64_t skipped = 0;       // events that were looked at and did not match, since the last one
  bool caught_up = false;          // everything stored has been sent; said when that is reached after being behind
  model::GlobalPosition head = 0;
  std::vector<std::string> unseen = {};  // with caught_up: parts of the filter that no event sent so far had
};

// Called on the feed's thread, one call at a time; must not block.
class Subscriber {
 public:
  virtual ~Subscriber() = default;
  // Whether it takes more now. When not, Subscription::wake follows when it does.
  virtual bool is_ready() = 0;
  virtual void on_progress(const Progress& progress) = 0;
  // Nothing follows. DATA_LOSS: an event cannot be read. UNAVAILABLE: the feed stops. RESOURCE_EXHAUSTED: too many
  // subscriptions. OUT_OF_RANGE: the start is beyond the head. Not called after the subscription is gone.
  virtual void on_stopped(const base::Error& reason) = 0;
};

class Subscription {
 public:
  virtual ~Subscription() = default;  // ends it; a call of the subscriber that is under way may still end after this
  virtual void wake() = 0;
};

class Subscriptions {
 public:
  virtual ~Subscriptions() = default;
  // INVALID_ARGUMENT at once: a bad filter or heartbeat.
  virtual base::Result<std::unique_ptr<Subscription>> subscribe(SubscribeRequest request,
                                                                std::shared_ptr<Subscriber> subscriber) = 0;
};

}  // namespace thalo::feed
