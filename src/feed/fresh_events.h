// The events that the committer has just stored, on their way to the tail, which then need not read what was in memory
// a moment ago.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "feed/event_batch.h"
#include "store/store.h"

namespace thalo::feed {

// Keeps one stretch of events without a gap, until it is taken. What does not fit, or does not follow, is left out: the
// store has it. Any thread.
class FreshEvents {
 public:
  FreshEvents(std::uint64_t events_max, std::size_t bytes_max) : events_max_(events_max), bytes_max_(bytes_max) {}

  void add(const store::Commit& commit);

  // The stretch, when it begins at `from`. Otherwise null, and [from, to) is what the caller reads from the store: no
  // event of it is kept any more, and `to` becomes less when the stretch begins before it.
  std::shared_ptr<EventBatch> take(model::GlobalPosition from, model::GlobalPosition& to);

 private:
  const std::uint64_t events_max_;
  const std::size_t bytes_max_;
  std::mutex mutex_;
  std::shared_ptr<EventBatch> batch_;  // null: there is none
  model::GlobalPosition wanted_ = 0;   // those before are of no use
  std::size_t last_events_ = 0;        // of the last one taken: the next will be like it
  std::size_t last_text_bytes_ = 0;
};

}  // namespace thalo::feed
