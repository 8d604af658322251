// Where a relay delivers to: one external system, behind one call.
//
// A sink belongs to one relay and is used on that relay's thread alone. It connects when it is first needed and again
// after a failure; making one touches no network.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/result.h"
#include "model/event.h"

namespace thalo::relay {

// Until when a delivery may take. A sink that waits looks at it at least every `slice`.
class Deadline {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds slice{100};

  // `cut` ends the wait early when it becomes true; it outlives the deadline.
  Deadline(Clock::time_point at, const std::atomic<bool>& cut) : at_(at), cut_(cut) {}

  bool passed() const { return cut_.load(std::memory_order_relaxed) || Clock::now() >= at_; }
  // How long to wait before looking again: at most `slice`, 0 when it has passed.
  std::chrono::milliseconds next_wait() const {
    if (passed()) return std::chrono::milliseconds(0);
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(at_ - Clock::now());
    return std::clamp(left + std::chrono::milliseconds(1), std::chrono::milliseconds(1), slice);
  }

 private:
  Clock::time_point at_;
  const std::atomic<bool>& cut_;
};

// What came of a delivery. Events behind the confirmed ones may have arrived too (their confirmation was lost, or one
// before them was refused): they are delivered again, so the target can see them twice, but never in another order.
struct Outcome {
  std::size_t confirmed = 0;                // so many of the first events are safely at the target
  std::optional<base::Error> failure = {};  // why not all of them; set whenever `confirmed` is less than was asked for
  std::optional<std::chrono::milliseconds> retry_after = {};  // the target asks not to be called earlier
};

class Sink {
 public:
  virtual ~Sink() = default;
  // How many events it wants at most in one delivery, each of which has the whole timeout.
  virtual std::size_t events_max() const { return SIZE_MAX; }
  // Delivers `events` in their order and waits until the target has confirmed all of them, refused one, or the deadline
  // has passed.
  virtual Outcome deliver(std::span<const model::EventView> events, const Deadline& deadline) = 0;
};

}  // namespace thalo::relay
