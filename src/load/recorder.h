// What one load thread saw: counts of everything, and latencies of what ended while it was measured.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "load/histogram.h"

namespace thalo::load {

using TimePoint = std::chrono::steady_clock::time_point;

enum class Outcome : std::uint8_t {
  accepted,
  rejected,  // by the aggregate's rules: an answer like another
  refused,   // RESOURCE_EXHAUSTED: a queue is full, or the command waited in it too long
  failed,    // any other error
  unknown,   // the connection was lost, or no answer came: it may have been done or not
  wrong,     // an answer that cannot be right
};
inline constexpr std::size_t outcomes = 6;

enum class Kind : std::uint8_t { write, read };
inline constexpr std::size_t kinds = 2;

struct Counts {
  std::array<std::uint64_t, outcomes> by_outcome{};
  std::uint64_t events = 0;  // stored, as the answers say
  std::uint64_t events_read = 0;

  std::uint64_t operations() const;
  std::uint64_t operator[](Outcome outcome) const { return by_outcome[static_cast<std::size_t>(outcome)]; }
  void add(const Counts& other);
};

struct Interval {
  std::uint64_t operations = 0;
  std::uint64_t events_read = 0;
  Histogram latency{7};
};

struct Window {
  TimePoint begin;
  TimePoint end;
  std::chrono::nanoseconds interval;
};

// How an operation ended.
struct Ending {
  Kind kind = Kind::write;
  Outcome outcome = Outcome::accepted;
  std::uint64_t events = 0;
  std::uint64_t global_position = 0;  // of the first of them
  std::string_view error{};           // when it did not succeed; lives until the call returns
};

class Recorder {
 public:
  explicit Recorder(const Window& window);

  void record(TimePoint started, TimePoint ended, const Ending& ending);
  // Events of a read that is still under way.
  void record_read(TimePoint at, std::uint64_t events);
  // Events that have reached a subscriber together; their latencies are those of reads. `acknowledged_at(index)` says
  // when each was acknowledged. Of many, every few are looked at and stand for those behind them.
  template <class AcknowledgedAt>
  void record_deliveries(TimePoint delivered, std::uint64_t count, AcknowledgedAt&& acknowledged_at) {
    record_read(delivered, count);
    if (interval_at(delivered) == nullptr) return;
    Histogram& latency = latency_[static_cast<std::size_t>(Kind::read)];
    const std::uint64_t stride = (count + deliveries_looked_at_max - 1) / deliveries_looked_at_max;
    for (std::uint64_t index = 0; index < count; index += stride) {
      const auto taken = std::max<std::int64_t>(0, (delivered - acknowledged_at(index)).count());
      latency.record(static_cast<std::uint64_t>(taken), std::min(stride, count - index));
    }
  }
  // Adds another thread's; both have ended.
  void add(const Recorder& other);

  const Window& window() const { return window_; }
  const Counts& total() const { return total_; }        // from the first operation to the last
  const Counts& measured() const { return measured_; }  // ended inside the window
  const Histogram& latency(Kind kind) const {
    return latency_[static_cast<std::size_t>(kind)];
  }  // ns; done or rejected
  const Histogram& refusal() const { return refusal_; }  // ns; refused
  const std::vector<Interval>& intervals() const { return intervals_; }
  // The first few different errors, with how often each came.
  const std::map<std::string, std::uint64_t, std::less<>>& errors() const { return errors_; }
  // Operations and events read so far. Any thread.
  std::uint64_t progress() const { return progress_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::uint64_t deliveries_looked_at_max = 32;  // of those that come together
  Interval* interval_at(TimePoint time);
  void note_error(std::string_view text, std::uint64_t times);

  const Window window_;
  Counts total_;
  Counts measured_;
  std::array<Histogram, kinds> latency_;
  Histogram refusal_;
  std::vector<Interval> intervals_;
  std::map<std::string, std::uint64_t, std::less<>> errors_;
  std::atomic<std::uint64_t> progress_ = 0;
};

}  // namespace thalo::load
