// What the first command of an entity costs that is not in memory: its events are read and replayed first.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "load/settings.h"

namespace thalo::load {

struct ColdStart {
  std::uint64_t events = 0;            // in each stream
  std::vector<double> replay_seconds;  // the first command, one a stream
  std::vector<double> warm_seconds;    // the next command of the same entity

  // Of the median stream.
  double events_per_second() const;
};

// Appends events to new streams, makes sure that their entities are not in memory, and executes one command on each.
// The settings' `event_type` and payload must be an event that the aggregate can apply. INTERNAL: an answer is wrong,
// among others an entity's version.
base::Result<ColdStart> measure_cold_start(const Settings& settings);

}  // namespace thalo::load
