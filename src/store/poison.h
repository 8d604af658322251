// Why the store refuses writes: set once by the first failure, never cleared; reopening makes a new one.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace thalo::store {

// Any thread; setting it takes a lock that nobody holds for long.
class Poison {
 public:
  // `what` says what failed and why, e.g. "syncing the log failed: No space left on device". The first one counts.
  void set(std::string_view what) {
    const std::lock_guard lock(mutex_);
    if (error_) return;
    error_ =
        base::Error{base::Code::unavailable,
                    "the store refuses writes because " + std::string(what) +
                        "; what it holds can still be read; reopen the store (restart the runtime) to write again"};
    is_set_.store(true, std::memory_order_release);
  }

  bool is_set() const { return is_set_.load(std::memory_order_acquire); }

  std::optional<base::Error> error() const {
    if (!is_set()) return std::nullopt;
    const std::lock_guard lock(mutex_);
    return error_;
  }

  // An error when the store refuses writes.
  base::Result<> check() const {
    if (auto error = this->error()) return std::unexpected(*std::move(error));
    return {};
  }

 private:
  std::atomic<bool> is_set_ = false;
  mutable std::mutex mutex_;
  std::optional<base::Error> error_;
};

}  // namespace thalo::store
