#include "feed/loop.h"

#include <pthread.h>

#include <utility>

namespace thalo::feed {
namespace {

constexpr std::size_t waiting_requests_max = 10'000;
// The thread looks at its timers at least so often; also what a test's clock costs.
constexpr std::chrono::milliseconds sleep_max{1000};

}  // namespace

void Loop::start() {
  thread_ = std::thread([this] { run(); });
}

void Loop::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Loop::put(std::unique_lock<std::mutex> lock, Task task) {
  tasks_.push_back(std::move(task));
  if (!sleeping_ || base::HeldWakeUps::hold(*this)) return;
  sleeping_ = false;
  lock.unlock();
  wake_.notify_one();
}

void Loop::wake_if_asleep() {
  {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(sleeping_, false)) return;
  }
  wake_.notify_one();
}

void Loop::post(Task task) {
  std::unique_lock lock(mutex_);
  if (!stopping_) put(std::move(lock), std::move(task));
}

void Loop::post_patiently(Task task, std::chrono::microseconds patience) {
  std::unique_lock lock(mutex_);
  if (stopping_) return;
  if (!sleeping_ || wakes_at_ > clock_.steady_now() + patience) return put(std::move(lock), std::move(task));
  tasks_.push_back(std::move(task));
}

base::Result<> Loop::request(Task task) {
  std::unique_lock lock(mutex_);
  if (stopping_) return base::fail(base::Code::unavailable, "the server is shutting down; try again at the next one");
  if (tasks_.size() >= waiting_requests_max) {
    return base::fail(base::Code::resource_exhausted, "too many requests wait for the feed (" +
                                                          std::to_string(tasks_.size()) + "); retry with backoff");
  }
  put(std::move(lock), std::move(task));
  return {};
}

bool Loop::wait_for_tasks(std::vector<Task>& tasks) {
  tasks.clear();
  std::unique_lock lock(mutex_);
  if (tasks_.empty() && !stopping_) {
    const Time now = clock_.steady_now();
    const Time latest = now + sleep_max;
    const Time until = timers_.empty() ? Time::max() : std::min(timers_.begin()->first, latest);
    if (until > now) {
      sleeping_ = true;
      wakes_at_ = until;
      if (timers_.empty()) {
        wake_.wait(lock);
      } else {
        wake_.wait_for(lock, until - now);
      }
      sleeping_ = false;
    }
  }
  tasks.swap(tasks_);
  return !stopping_ || !tasks.empty();
}

void Loop::run_due_timers() {
  const Time now = clock_.steady_now();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    auto due = timers_.extract(timers_.begin());
    due.mapped()();
  }
}

void Loop::run() {
  pthread_setname_np(pthread_self(), "feed");
  std::vector<Task> tasks;
  while (wait_for_tasks(tasks)) {
    for (Task& task : tasks) {
      task();
      task = nullptr;
    }
    run_due_timers();
  }
}

}  // namespace thalo::feed
