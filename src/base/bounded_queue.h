// A named queue with a bound: many producers, one consumer that takes everything waiting at once.
//
// A full queue refuses at once (back-pressure, not memory). The consumer sleeps in wait_all and is woken once for any
// number of pushes that arrive while it works; a producer with more to push may hold the wake-up back (HeldWakeUps).
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/wake_ups.h"

namespace thalo::base {

template <class T>
class BoundedQueue final : private Sleeper {
 public:
  // What counts against the capacity.
  enum class Counts : std::uint8_t {
    waiting,           // items that nobody has taken
    waiting_and_taken  // and those taken last that the consumer is not done with
  };

  // `name` appears in the error of a refused push; `capacity` counts items, `capacity_bytes` what push says they weigh
  // (of those waiting).
  explicit BoundedQueue(std::string name, std::size_t capacity, std::size_t capacity_bytes = SIZE_MAX,
                        Counts counts = Counts::waiting)
      : name_(std::move(name)), capacity_(capacity), capacity_bytes_(capacity_bytes), counts_(counts) {}

  // Moves from `item` only on success. RESOURCE_EXHAUSTED when full, UNAVAILABLE when closed. An item heavier than the
  // whole bound is still taken by an empty queue: its size is limited where it comes from.
  Result<> offer(T& item, std::size_t size_bytes = 0) {
    {
      std::lock_guard lock(mutex_);
      if (closed_) return fail(Code::unavailable, name_ + " is closed: the server is shutting down; retry later");
      const std::size_t count = items_.size() + in_hand_;
      if (count >= std::min(capacity_, fit_) || (!items_.empty() && size_bytes > capacity_bytes_ - waiting_bytes_)) {
        return fail(Code::resource_exhausted, name_ + " is full (" + std::to_string(count) + " waiting, " +
                                                  std::to_string(waiting_bytes_) + " bytes); retry with backoff");
      }
      waiting_bytes_ = size_bytes > capacity_bytes_ - waiting_bytes_ ? capacity_bytes_ : waiting_bytes_ + size_bytes;
      items_.push_back(std::move(item));
      if (!must_wake()) return {};
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
      if (!must_wake()) return;
    }
    wake_.notify_one();
  }

  // Moves everything waiting into `out` (cleared first). Blocks until there is something or the queue is closed; false
  // means closed and empty.
  bool wait_all(std::vector<T>& out) {
    out.clear();
    std::unique_lock lock(mutex_);
    in_hand_ = 0;
    // What a burst needed is given back by the consumer that has nothing to do.
    if (items_.empty() && out.capacity() > kept_items_max) out = std::vector<T>();
    while (items_.empty()) {
      if (closed_) return false;
      if (items_.capacity() > kept_items_max) items_ = std::vector<T>();
      sleeping_ = true;
      wake_.wait(lock);
    }
    sleeping_ = false;
    return take(out);
  }

  // Like wait_all without blocking; true when something was taken.
  bool take_all(std::vector<T>& out) {
    out.clear();
    std::lock_guard lock(mutex_);
    return take(out);
  }

  // For Counts::waiting_and_taken: the consumer is done with what it took last, but for so many. The next take says it
  // of all.
  void still_in_hand(std::size_t count) {
    std::lock_guard lock(mutex_);
    in_hand_ = count;
  }

  // No more than so many fit from now on, within the capacity.
  void fit(std::size_t count) {
    std::lock_guard lock(mutex_);
    fit_ = count;
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

  bool closed() const {
    std::lock_guard lock(mutex_);
    return closed_;
  }
  std::size_t size() const {
    std::lock_guard lock(mutex_);
    return items_.size();
  }
  const std::string& name() const { return name_; }
  // In wait_all, with nothing to do.
  bool is_consumer_asleep() const {
    std::lock_guard lock(mutex_);
    return sleeping_;
  }

 private:
  static constexpr std::size_t kept_items_max = 512;

  bool take(std::vector<T>& out) {
    items_.swap(out);
    waiting_bytes_ = 0;
    if (counts_ == Counts::waiting_and_taken) in_hand_ = out.size();
    return !out.empty();
  }

  // With the lock held, after a push: whether the pusher has to wake the consumer.
  bool must_wake() {
    if (!sleeping_ || HeldWakeUps::hold(*this)) return false;
    sleeping_ = false;
    return true;
  }

  void wake_if_asleep() override {
    {
      std::lock_guard lock(mutex_);
      if (!sleeping_) return;
      sleeping_ = false;
    }
    wake_.notify_one();
  }

  const std::string name_;
  const std::size_t capacity_;
  const std::size_t capacity_bytes_;
  const Counts counts_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<T> items_;
  std::size_t waiting_bytes_ = 0;
  std::size_t in_hand_ = 0;
  std::size_t fit_ = SIZE_MAX;
  bool sleeping_ = false;
  bool closed_ = false;
};

}  // namespace thalo::base
