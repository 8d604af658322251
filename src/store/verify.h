// Checks a closed store against every invariant of docs/format.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/event.h"

namespace thalo::store {

// Something in a store that contradicts docs/format.md.
struct Violation {
  int invariant = 0;  // its number there: 3 is I3
  std::string what;   // one sentence
  // Where, as far as it is known; empty otherwise.
  std::optional<model::GlobalPosition> global_position = {};
  std::string stream = {};
  std::string file = {};
};

struct VerifySummary {
  std::uint64_t files = 0;  // of the database, each read whole
  std::uint64_t events = 0;
  std::uint64_t streams = 0;
  std::uint64_t chunks = 0;
  std::uint64_t indexed = 0;  // so many events have left memory for the index on disk; a start reads those after them
  std::uint64_t cursors = 0;
  std::uint64_t snapshots = 0;
  std::uint64_t violations = 0;
  // The log ends in a write that was not finished, which nobody was told of. It is no damage; the next start drops it.
  bool has_unfinished_write = false;
};

// Hears what a check finds. Called on the thread that checks.
class VerifyObserver {
 public:
  virtual ~VerifyObserver() = default;
  virtual void on_violation(const Violation& violation) = 0;
  // `done` of `total` of what the check is at, e.g. "events"; `total` 0: not known.
  virtual void on_progress(std::string_view what, std::uint64_t done, std::uint64_t total) = 0;
};

// Reads the whole store in `path`, goes on behind damage as far as that is possible, and changes nothing. Memory: some
// 32 bytes a stream. An error means that there was nothing to check: no store there, a newer format, or a runtime has
// it open.
base::Result<VerifySummary> verify_store(const std::filesystem::path& path, VerifyObserver& observer);

}  // namespace thalo::store
