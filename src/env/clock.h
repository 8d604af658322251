// Time from outside, injected so that tests decide what it is.
#pragma once

#include <chrono>
#include <cstdint>

namespace thalo::env {

class Clock {
 public:
  virtual ~Clock() = default;
  // Milliseconds since the Unix epoch. Any thread.
  virtual std::int64_t now_ms() const = 0;
  // For deadlines and durations. Any thread.
  virtual std::chrono::steady_clock::time_point steady_now() const = 0;
};

class SystemClock final : public Clock {
 public:
  std::int64_t now_ms() const override {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
  std::chrono::steady_clock::time_point steady_now() const override { return std::chrono::steady_clock::now(); }
};

}  // namespace thalo::env
