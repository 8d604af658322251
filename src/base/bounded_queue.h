// A named queue with a bound: many producers, one consumer that takes everything waiting at once.
//
// A full queue refuses at once (back-pressure, not memory). The consumer sleeps in wait_all and is woken once for any
// number of pushes that arrive while it works.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace thalo::base {

template <class T>
class BoundedQueue {
 public:
  // `name` appears in the error of a refused push; `capacity` counts items, `capacity_bytes` what push says they weigh.
  explicit BoundedQueue(std::string name, std::size_t capacity, std::size_t capacity_bytes = SIZE_MAX)
      : name_(std::move(name)), capacity_(capacity), capacity_bytes_(capacity_bytes) {}

  // Moves from `item` only on success. RESOURCE_EXHAUSTED when full, UNAVAILABLE when closed. An item heavier than the
  // whole bound is still taken by an empty queue: its size is limited where it comes from.
  Result<> offer(T& item, std::size_t size_bytes = 0) {
    {
      std::lock_guard lock(mutex_);
      if (closed_) return fail(Code::unavailable, name_ + " is closed: the server is shutting down; retry later");
      if (items_.size() >= capacity_ || (!items_.empty() && size_bytes > capacity_bytes_ - waiting_bytes_)) {
        return fail(Code::resource_exhausted, name_ + " is full (" + std::to_string(items_.size()) + " waiting, " +
                                                  std::to_string(waiting_bytes_) + " bytes); retry with backoff");
      }
      waiting_bytes_ = size_bytes > capacity_bytes_ - waiting_bytes_ ? capacity_bytes_ : waiting_bytes_ + size_bytes;
      items_.push_back(std::move(item));
      if (!sleeping_) return {};
      sleeping_ = false;
    }
    wake_.notify_one();
    return {};
  }

  // Like offer; a refused item is gone.
  Result<> push(T&& item, std::size_t size_bytes = 0) { return offer(item, size_bytes); }

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

  // Moves everything waiting into `out` (cleared first). Blocks until there is something or the queue is closed; false
  // means closed and empty.
  bool wait_all(std::vector<T>& out) {
    out.clear();
    std::unique_lock lock(mutex_);
    // What a burst needed is given back by the consumer that has nothing to do.
    if (items_.empty() && out.capacity() > kept_items_max) out = std::vector<T>();
    while (items_.empty()) {
      if (closed_) return false;
      if (items_.capacity() > kept_items_max) items_ = std::vector<T>();
      sleeping_ = true;
      wake_.wait(lock);
    }
    sleeping_ = false;
    items_.swap(out);
    waiting_bytes_ = 0;
    return true;
  }

  // Like wait_all without blocking; true when something was taken.
  bool take_all(std::vector<T>& out) {
    out.clear();
    std::lock_guard lock(mutex_);
    items_.swap(out);
    waiting_bytes_ = 0;
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
  static constexpr std::size_t kept_items_max = 512;

  const std::string name_;
  const std::size_t capacity_;
  const std::size_t capacity_bytes_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<T> items_;
  std::size_t waiting_bytes_ = 0;
  bool sleeping_ = false;
  bool closed_ = false;
};

}  // namespace thalo::base
