#include "rpc/server_stream.h"

#include <chrono>

namespace thalo::rpc {
namespace {

using Clock = std::chrono::steady_clock;

// How long a read keeps its thread, but for the batch that is being read.
constexpr std::chrono::milliseconds turn{50};

}  // namespace

void BatchPump::start(std::unique_ptr<BatchSource> source) {
  source_ = std::move(source);
  post();
}

void BatchPump::writable() {
  {
    std::lock_guard lock(mutex_);
    if (!behind_) return;
    behind_ = false;
  }
  post();
}

void BatchPump::post() {
  auto posted = executor_.post([self = shared_from_this()] { self->run(); });
  if (!posted) finish(std::move(posted.error()));
}

bool BatchPump::must_wait() {
  std::lock_guard lock(mutex_);
  behind_ = !stream_.writable();
  return behind_;
}

void BatchPump::run() {
  Clock::time_point end = Clock::now() + turn;
  while (!stream_.cancelled()) {
    if (must_wait()) return;
    auto batch = source_->next();
    if (!batch) return finish(std::move(batch.error()));
    if (!batch->message.empty()) {
      if (auto written = stream_.write(batch->message); !written) return finish(std::move(written.error()));
    }
    if (batch->last) return stream_.finish(net::Status::ok());
    if (Clock::now() < end) continue;
    // Others have their turn. Where there is no room to wait for the next, this thread goes on.
    if (executor_.post([self = shared_from_this()] { self->run(); })) return;
    end = Clock::now() + turn;
  }
}

}  // namespace thalo::rpc
