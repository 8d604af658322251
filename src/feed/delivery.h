// What a consumer is handed: some events of shared batches, in order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "feed/event_batch.h"
#include "feed/indexes.h"
#include "model/event.h"

namespace thalo::feed {

// Some events of one batch.
struct Selection {
  SharedBatch batch = {};
  Indexes indexes = {};

  // About what it costs to hold or send them; there is at least one.
  std::size_t size_bytes() const {
    if (indexes.without_gaps()) return batch->size_bytes(indexes.front(), indexes.back());
    std::size_t sum = 0;
    indexes.for_each([&](std::uint32_t index) { sum += batch->event_size_bytes(index); });
    return sum;
  }
};

// A numbered handful of events for one member of a projection. A value; copies share the events. Any thread.
class Delivery {
 public:
  Delivery() = default;
  Delivery(std::uint64_t number, std::uint64_t failures_seen, std::vector<Selection> selections)
      : number_(number), failures_seen_(failures_seen), selections_(std::move(selections)) {
    for (const Selection& selection : selections_) size_ += selection.indexes.size();
  }

  // Counts from 1 for each member; what acknowledgements name.
  std::uint64_t number() const { return number_; }
  // How many failures of the member were known when this was sent: what it has of a stream from before the stream's
  // failure is withdrawn, what it gets from then on is meant.
  std::uint64_t failures_seen() const { return failures_seen_; }
  std::size_t size() const { return size_; }  // events; at least one
  const std::vector<Selection>& selections() const { return selections_; }

  // Calls visit(const model::EventView&) for each event, in global order. The texts live as long as a copy of this
  // delivery does.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const Selection& selection : selections_)
      selection.indexes.for_each([&](std::uint32_t index) { visit(selection.batch->event(index)); });
  }
  // The last event's: acknowledging it acknowledges the whole delivery.
  model::GlobalPosition last_position() const {
    return selections_.back().batch->event(selections_.back().indexes.back()).global_position;
  }

 private:
  std::uint64_t number_ = 0;
  std::uint64_t failures_seen_ = 0;
  std::vector<Selection> selections_;
  std::size_t size_ = 0;
};

}  // namespace thalo::feed
