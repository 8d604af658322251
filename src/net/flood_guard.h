// Tells a busy client from a flooding one. Frames that cost the server work and bring no call forward are cheap to send
// and so are counted: against time, and against the frames that do bring calls forward. One connection, its loop
// thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "net/timer_heap.h"

namespace thalo::net {

class FloodGuard {
 public:
  explicit FloodGuard(std::chrono::milliseconds ping_interval_min) : ping_interval_min_(ping_interval_min) {}

  // A frame of a call: a request's headers, bytes of a message, a frame of a response.
  void on_useful_frame() { allowance_ = std::min(allowance_ + 2, allowance_max); }

  // Any other frame, such as SETTINGS, PRIORITY, WINDOW_UPDATE, or DATA without data. False: the client floods.
  bool on_other_frame(TimePoint now) {
    const std::int64_t refill = std::chrono::duration_cast<std::chrono::milliseconds>(now - refilled_at_).count() / 10;
    if (refill > 0) {
      allowance_ = std::min(allowance_ + refill, allowance_max);
      refilled_at_ = now;
    }
    return --allowance_ >= 0;
  }

  // A frame of a response was sent: a client measures its round trip then, with a ping, and opens its windows again.
  void on_response_sent() {
    strikes_ = 0;
    on_useful_frame();
  }

  // False: the client pings too often.
  bool on_ping(TimePoint now) {
    const bool early = now - pinged_at_ < ping_interval_min_;
    pinged_at_ = now;
    if (early) ++strikes_;
    return strikes_ <= strikes_max;
  }

 private:
  static constexpr std::int64_t allowance_max = 2000;
  static constexpr int strikes_max = 5;

  const std::chrono::milliseconds ping_interval_min_;
  std::int64_t allowance_ = allowance_max;
  TimePoint refilled_at_;
  TimePoint pinged_at_;
  int strikes_ = 0;
};

}  // namespace thalo::net
