// A named queue with a bound: many producers, one consumer that takes everything waiting at once.
//
// A full queue refuses at once (back-pressure, not memory). The consumer sleeps in wait_all and is woken once for any number of pushes that
// arrive while it works.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace thalo::base {

template <class T>
class BoundedQueue {
 public:
  // `name` appears in the error of a refused push; `capacity` counts items.
  BoundedQueue(std::string name, std::size_t capacity) : name_(std::move(name)), capacity_(capacity) {}

  // Takes `item` only on success. RESOURCE_EXHAUSTED when full, UNAVAILABLE when closed.
  Result<> push(T&& item) {
    {
      std::lock_guard lock(mutex_);
      if (closed_) return fail(Code::unavailable, name_ + " is closed: the server is shutting down; retry later");
      if (items_.size() >= capacity_) {
        return fail(Code::resource_exhausted,
                    name_ + " is full (" + std::to_string(capacity_) + " waiting); retry with backoff");
      }
      items_.push_back(std::move(item));
      if (!sleeping_) return {};
      sleeping_ = false;
    }
    wake_.notify_one();
    return {};
  }

  // Like push, but beyond the bound: for messages that must not be lost and whose number is bounded elsewhere.
  void push_unbounded(T&& item) {
    {
      std::lock_guard lock(mutex_);
      items_.push_back(std::move(item));
      if (!sleeping_) return;
      sleeping_ = false;
    }
    wake_.notify_one();
  }

  // Moves everything waiting into `out` (cleared first). Blocks until there is something or the queue is closed; false means closed and empty.
  bool wait_all(std::vector<T>& out) {
    out.clear();
    std::unique_lock lock(mutex_);
    while (items_.empty()) {
      if (closed_) return false;
      sleeping_ = true;
      wake_.wait(lock);
    }
    sleeping_ = false;
    items_.swap(out);
    return true;
  }

  // Like wait_all without blocking; true when something was taken.
  bool take_all(std::vector<T>& out) {
    out.clear();
    std::lock_guard lock(mutex_);
    items_.swap(out);
    return !out.empty();
  }

  // Refuses pushes from now on; what is waiting is still handed out.
  void close() {
    {
      std::lock_guard lock(mutex_);
      closed_ = true;
      sleeping_ = false;
    }
    wake_.notify_all();
  }

  std::size_t size() const {
    std::lock_guard lock(mutex_);
    return items_.size();
  }
  const std::string& name() const { return name_; }

 private:
  const std::string name_;
  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<T> items_;
  bool sleeping_ = false;
  bool closed_ = false;
};

}  // namespace thalo::base
