#include "store/append_and_wait.h"

#include <condition_variable>
#include <mutex>

namespace thalo::store {
namespace {

class OneOutcome final : public AppendSink {
 public:
  void on_appended(std::span<AppendOutcome> outcomes) override {
    // Notified under the lock: the waiting thread owns this object and may end it as soon as it sees the result.
    const std::lock_guard lock(mutex_);
    result_ = std::move(outcomes.front().result);
    arrived_.notify_one();
  }
  base::Result<Appended> wait() {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [this] { return result_.has_value(); });
    return *std::move(result_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::optional<base::Result<Appended>> result_;
};

}  // namespace

base::Result<Appended> append_and_wait(Store& store, Append append) {
  OneOutcome outcome;
  if (auto queued = store.append(std::move(append), outcome); !queued)
    return std::unexpected(std::move(queued.error()));
  return outcome.wait();
}

}  // namespace thalo::store
