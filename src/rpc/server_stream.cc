#include "rpc/server_stream.h"

namespace thalo::rpc {

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
  while (!stream_.cancelled()) {
    if (must_wait()) return;
    auto batch = source_->next();
    if (!batch) return finish(std::move(batch.error()));
    if (!batch->message.empty()) {
      if (auto written = stream_.write(batch->message); !written) return finish(std::move(written.error()));
    }
    if (batch->last) return stream_.finish(net::Status::ok());
  }
}

}  // namespace thalo::rpc
