// Calls on their way from any thread to their loop: a lock-free list with a closing end.
#pragma once

#include <atomic>

#include "net/call_state.h"

namespace thalo::net {

class Mailbox {
 public:
  enum class Pushed { first, another, closed };

  // Adds a chain of calls linked by next_delivered, the newest at `head`. `first` tells that nothing waited: the loop
  // has to be woken.
  Pushed push(Call* head, Call* tail) {
    Call* before = newest_.load(std::memory_order_relaxed);
    do {
      if (before == closed()) return Pushed::closed;
      tail->next_delivered = before;
    } while (!newest_.compare_exchange_weak(before, head, std::memory_order_release, std::memory_order_relaxed));
    return before == nullptr ? Pushed::first : Pushed::another;
  }

  // Everything waiting, the oldest first.
  Call* take() {
    if (newest_.load(std::memory_order_relaxed) == nullptr) return nullptr;
    return reversed(newest_.exchange(nullptr, std::memory_order_acquire));
  }

  // Takes what waits and refuses everything from now on.
  Call* close() { return reversed(newest_.exchange(closed(), std::memory_order_acquire)); }

 private:
  // An address that no call has.
  Call* closed() { return reinterpret_cast<Call*>(this); }

  static Call* reversed(Call* newest) {
    Call* oldest = nullptr;
    while (newest != nullptr) {
      Call* older = newest->next_delivered;
      newest->next_delivered = oldest;
      oldest = newest;
      newest = older;
    }
    return oldest;
  }

  std::atomic<Call*> newest_ = nullptr;
};

}  // namespace thalo::net
