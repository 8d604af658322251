// Threads for work that blocks on the disk, so that loop and shard threads never do.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"

namespace thalo::env {

class Executor {
 public:
  // `name` is the threads' name (at most 12 bytes are shown) and appears in errors; `queue_max` bounds the work that
  // waits.
  Executor(std::string name, std::size_t threads, std::size_t queue_max);
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // Runs `work` on one of the threads. RESOURCE_EXHAUSTED when full, UNAVAILABLE when stopping. Any thread.
  base::Result<> post(std::function<void()> work);

  // Runs what is queued, then ends the threads. Idempotent.
  void stop();

 private:
  void run();

  const std::string name_;
  const std::size_t queue_max_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace thalo::env
