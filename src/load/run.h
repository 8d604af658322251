// One run of load, from the first look at the server to the check that the store has every acknowledged event.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "load/recorder.h"
#include "load/settings.h"

namespace thalo::load {

struct Run {
  explicit Run(const Window& window) : recorder(window) {}

  Recorder recorder;       // of all threads
  double seconds = 0;      // measured
  double cpu_seconds = 0;  // of this process, from the warm-up to the last answer
  std::uint64_t never_begun = 0;
  // The number of events in the store before and after; absent when the server has no store, or did not say.
  std::optional<std::uint64_t> events_before;
  std::optional<std::uint64_t> events_after;
  std::string store_error;  // why it did not, after the run

  // Why the figures cannot be trusted: answers that are wrong, events that are missing in the store or that nobody
  // asked for, operations that failed or were not answered. Empty when everything is right. Refused operations are no
  // fault, for overload is measured too, unless nothing else came.
  std::string fault() const;
};

// Told about five times a second, on the calling thread: operations and events read so far, and how far the run is.
struct Progress {
  std::uint64_t done = 0;
  double seconds = 0;
  double seconds_total = 0;
  bool warming_up = false;
};
// Return false to end the run early; what was measured so far counts.
using ProgressCallback = std::function<bool(const Progress&)>;

// Blocks for the warm-up and the duration. INVALID_ARGUMENT: a setting. UNAVAILABLE: no server there. NOT_FOUND: no
// module in the folder serves the aggregate (in process).
base::Result<std::unique_ptr<Run>> run(const Settings& settings, const ProgressCallback& progress);

}  // namespace thalo::load
