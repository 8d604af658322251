// How many commands may wait for a shard, told from how fast it did the last ones: a queue that is bounded by number
// alone makes slow commands wait for as long as so many of them take.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>

namespace thalo::command {

// Of one thread.
class Pace {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // So many may always wait: one slow command says little about the next ones.
  static constexpr std::size_t always = 256;

  // `wait_max`: what the last one in the queue shall wait; 0: as long as it takes.
  explicit Pace(std::chrono::milliseconds wait_max) : wait_max_(wait_max) {}

  // Work begins, after a rest.
  void start(Time now) { since_ = now; }

  // So many more are done. Says how many may wait from now on, each time enough is known of the last ones.
  std::optional<std::size_t> done(std::size_t count, Time now) {
    busy_ += now - since_;
    since_ = now;
    // A long rebuild says nothing of the commands after it.
    if (count_ == 0) busy_ = std::min<std::chrono::nanoseconds>(busy_, told_within);
    count_ += count;
    if (wait_max_.count() <= 0 || count_ == 0 || (count_ < told_after && busy_ < told_within)) return std::nullopt;
    const double each = std::max(1.0, static_cast<double>(busy_.count()) / static_cast<double>(count_));
    busy_ = {};
    count_ = 0;
    const double fit = 1e6 * static_cast<double>(wait_max_.count()) / each;
    return std::max(always, static_cast<std::size_t>(std::min(fit, 1e9)));
  }

 private:
  static constexpr std::size_t told_after = 4096;
  static constexpr std::chrono::milliseconds told_within{1000};

  const std::chrono::milliseconds wait_max_;
  Time since_;
  std::chrono::nanoseconds busy_{};
  std::size_t count_ = 0;
};

}  // namespace thalo::command
