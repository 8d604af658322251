// Wake-ups that a thread holds back while it hands out several pieces of work: a consumer that is woken by the first
// would take that one alone, and often the core of whoever has the rest.
#pragma once

#include <array>
#include <cstddef>

namespace thalo::base {

// A consumer that may be asleep.
class Sleeper {
 public:
  // Any thread.
  virtual void wake_if_asleep() = 0;

 protected:
  ~Sleeper() = default;
};

// From its making to its end, the sleepers that this thread has work for are left asleep; then they are woken. Not for
// work that takes long in between. Does not nest. The sleepers outlive it.
class HeldWakeUps {
 public:
  HeldWakeUps() { current_ = this; }
  ~HeldWakeUps() {
    current_ = nullptr;
    for (std::size_t index = 0; index < count_; ++index) sleepers_[index]->wake_if_asleep();
  }
  HeldWakeUps(const HeldWakeUps&) = delete;
  HeldWakeUps& operator=(const HeldWakeUps&) = delete;

  // Whether this thread will wake `sleeper` later, so that nobody has to now.
  static bool hold(Sleeper& sleeper) {
    HeldWakeUps* const held = current_;
    if (held == nullptr) return false;
    for (std::size_t index = 0; index < held->count_; ++index) {
      if (held->sleepers_[index] == &sleeper) return true;
    }
    if (held->count_ == held->sleepers_.size()) return false;
    held->sleepers_[held->count_++] = &sleeper;
    return true;
  }

 private:
  static inline thread_local HeldWakeUps* current_ = nullptr;
  std::array<Sleeper*, 16> sleepers_{};
  std::size_t count_ = 0;
};

}  // namespace thalo::base
