// The feed's thread: runs what others ask of it, and what it has set itself a time for.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "base/result.h"
#include "base/wake_ups.h"
#include "env/clock.h"

namespace thalo::feed {

class Loop final : private base::Sleeper {
 public:
  using Task = std::function<void()>;
  using Time = std::chrono::steady_clock::time_point;

  explicit Loop(const env::Clock& clock) : clock_(clock) {}
  ~Loop() { stop(); }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void start();
  // Runs what was posted before, then ends the thread; what is posted later is dropped. Idempotent. Not on the loop.
  void stop();

  // Runs `task` on the thread, in the order of the calls. For what is bounded where it comes from. Any thread.
  void post(Task task);
  // The same for what may wait for `patience`: a thread that wakes by itself until then is left asleep.
  void post_patiently(Task task, std::chrono::microseconds patience);
  // For requests from outside: RESOURCE_EXHAUSTED when too many wait, UNAVAILABLE when stopped. Any thread.
  base::Result<> request(Task task);

  using Timer = std::multimap<Time, Task>::iterator;
  // Runs `task` at `time`. On the loop only.
  Timer at(Time time, Task task) { return timers_.emplace(time, std::move(task)); }
  Timer after(std::chrono::milliseconds pause, Task task) { return at(clock_.steady_now() + pause, std::move(task)); }
  // Of one that has not begun to run. On the loop, or when it has ended.
  void cancel(Timer timer) { timers_.erase(timer); }

  const env::Clock& clock() const { return clock_; }

 private:
  void run();
  bool wait_for_tasks(std::vector<Task>& tasks);
  void run_due_timers();
  void wake_if_asleep() override;
  void put(std::unique_lock<std::mutex> lock, Task task);

  const env::Clock& clock_;
  std::multimap<Time, Task> timers_;  // of the thread alone

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Task> tasks_;
  bool sleeping_ = false;
  Time wakes_at_{};  // by itself, while it sleeps
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace thalo::feed
