// Reading for a filter that names its streams: through the index of streams, so that what lies between their events
// costs nothing, however much it is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "feed/event_batch.h"
#include "feed/filter.h"
#include "feed/matcher.h"
#include "store/store.h"

namespace thalo::feed {

// Where a reader stands in each of its streams. A value; one thread at a time.
class StreamPlaces {
 public:
  // Absent when the filter does not name all its streams, or so many that a scan is cheaper.
  static std::optional<StreamPlaces> of(const Filter& filter);

  // The events from `from` on that match, about `bytes_max` of them; the batch's `next` is where to go on, at most the
  // head. Blocks on the disk.
  base::Result<std::shared_ptr<EventBatch>> read(store::Store& store, model::GlobalPosition from,
                                                 const Matcher& matcher, std::size_t bytes_max);

 private:
  struct Place {
    std::string stream;
    model::Position next = 0;  // the first event at or after `at_`
  };
  base::Result<> find(store::Store& store, model::GlobalPosition from);

  std::vector<Place> places_;
  std::optional<model::GlobalPosition> at_;  // absent: not found yet
};

}  // namespace thalo::feed
