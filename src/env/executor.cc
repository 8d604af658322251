#include "env/executor.h"

#include <pthread.h>

#include <utility>

namespace thalo::env {

Executor::Executor(std::string name, std::size_t threads, std::size_t queue_max)
    : name_(std::move(name)), queue_max_(queue_max) {
  for (std::size_t number = 0; number < threads; ++number) {
    threads_.emplace_back([this, number] {
      pthread_setname_np(pthread_self(), (name_.substr(0, 12) + "-" + std::to_string(number)).substr(0, 15).c_str());
      run();
    });
  }
}

Executor::~Executor() { stop(); }

base::Result<> Executor::post(std::function<void()> work) {
  {
    std::lock_guard lock(mutex_);
    if (stopping_)
      return base::fail(base::Code::unavailable, name_ + " is stopping: the server is shutting down; retry later");
    if (queue_.size() >= queue_max_) {
      return base::fail(base::Code::resource_exhausted,
                        name_ + " has " + std::to_string(queue_.size()) + " tasks waiting; retry with backoff");
    }
    queue_.push_back(std::move(work));
  }
  wake_.notify_one();
  return {};
}

void Executor::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void Executor::run() {
  while (true) {
    std::function<void()> work;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    work();
  }
}

}  // namespace thalo::env
