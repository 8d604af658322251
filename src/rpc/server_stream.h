// Calls with one request and many answers read from the store: batches are read on an executor, one at a time, and only
// while the client takes them.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "env/executor.h"
#include "net/server.h"
#include "rpc/translate.h"

namespace thalo::rpc {

struct Batch {
  std::string message;  // serialized; empty: nothing to send this time
  bool last = false;
};

// Where the batches of one call come from. Used by one thread at a time.
class BatchSource {
 public:
  virtual ~BatchSource() = default;
  // Blocks on the disk. An error ends the call with its status.
  virtual base::Result<Batch> next() = 0;
};

// Lives as long as the call's handler or a read under way. A read goes on for a turn; the next is posted by the one
// before it, or by writable() after a read that stopped because the client was behind.
class BatchPump : public std::enable_shared_from_this<BatchPump> {
 public:
  BatchPump(net::Stream stream, env::Executor& executor) : stream_(std::move(stream)), executor_(executor) {}

  void start(std::unique_ptr<BatchSource> source);
  bool started() const { return source_ != nullptr; }
  void writable();
  void finish(base::Error error) { stream_.finish(net::Status::from(std::move(error))); }

 private:
  void post();
  void run();
  bool must_wait();

  net::Stream stream_;
  env::Executor& executor_;
  std::unique_ptr<BatchSource> source_;
  std::mutex mutex_;
  bool behind_ = false;  // guarded by mutex_: the client is behind, and nothing is posted
};

// `open` checks the request and makes its source.
template <class Request>
class BatchStreamHandler final : public net::StreamHandler {
 public:
  using Open = std::function<base::Result<std::unique_ptr<BatchSource>>(Request)>;

  BatchStreamHandler(net::Stream stream, env::Executor& executor, Open open)
      : pump_(std::make_shared<BatchPump>(std::move(stream), executor)), open_(std::move(open)) {}

  void on_message(std::string_view message) override {
    if (pump_->started()) return pump_->finish({base::Code::invalid_argument, "the method takes one request"});
    auto request = parse<Request>(message);
    if (!request) return pump_->finish(std::move(request.error()));
    request->DiscardUnknownFields();  // the source may keep the request for as long as the call lasts
    auto source = open_(*std::move(request));
    if (!source) return pump_->finish(std::move(source.error()));
    pump_->start(*std::move(source));
  }
  void on_half_close() override {
    if (!pump_->started()) pump_->finish({base::Code::invalid_argument, "the method needs a request"});
  }
  void on_writable() override { pump_->writable(); }

 private:
  const std::shared_ptr<BatchPump> pump_;
  const Open open_;
};

}  // namespace thalo::rpc
