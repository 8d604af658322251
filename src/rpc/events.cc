#include "rpc/events.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "model/stream_name.h"
#include "rpc/translate.h"

namespace thalo::rpc {
namespace {

using base::Code;

// One ReadStream call: reads a batch, writes it, and goes on as long as the client takes what is written.
//
// Lives as long as the call's handler or a read under way. One read at a time: the next is posted by the one before it,
// or by on_writable after a read that stopped because the client was behind.
class StreamReader : public std::enable_shared_from_this<StreamReader> {
 public:
  StreamReader(net::Stream stream, store::Store& store, env::Executor& executor)
      : stream_(std::move(stream)), store_(store), executor_(executor) {}

  void start(v1::ReadStreamRequest request) {
    if (auto name = model::StreamName::parse(request.stream()); !name) return finish(std::move(name.error()));
    request_ = std::move(request);
    left_ = request_->limit() == 0 ? UINT64_MAX : request_->limit();
    post();
  }

  bool started() const { return request_.has_value(); }

  void writable() {
    {
      std::lock_guard lock(mutex_);
      if (!behind_) return;
      behind_ = false;
    }
    post();
  }

  void finish(base::Error error) { stream_.finish(net::Status::from(std::move(error))); }

 private:
  static constexpr int batch_size_bytes = 64 << 10;

  void post() {
    auto posted = executor_.post([self = shared_from_this()] { self->read(); });
    if (!posted) finish(std::move(posted.error()));
  }

  // Where the read starts and which events existed when the call came: later ones are not shown.
  base::Result<> prepare() {
    auto version = store_.stream_version(request_->stream());
    if (!version) return std::unexpected(version.error());
    end_ = *version;
    if (request_->backwards()) {
      next_ = end_ == 0 ? 0 : std::min<std::uint64_t>(request_->has_from() ? request_->from() : end_ - 1, end_ - 1);
    } else {
      next_ = request_->from();
    }
    prepared_ = true;
    done_ = end_ == 0 || (!request_->backwards() && next_ >= end_);
    return {};
  }

  void read() {
    if (!prepared_) {
      if (auto ready = prepare(); !ready) return finish(std::move(ready.error()));
    }
    while (!done_ && left_ > 0) {
      if (stream_.cancelled()) return;
      if (must_wait()) return;
      if (auto read = read_batch(); !read) return finish(std::move(read.error()));
    }
    stream_.finish(net::Status::ok());
  }

  bool must_wait() {
    std::lock_guard lock(mutex_);
    behind_ = !stream_.writable();
    return behind_;
  }

  base::Result<> read_batch() {
    const bool backwards = request_->backwards();
    v1::ReadStreamResponse response;
    std::size_t size_bytes = 0;
    auto shown = store_.read_stream({.stream = request_->stream(),
                                     .from = next_,
                                     .direction = backwards ? store::Direction::backwards : store::Direction::forwards,
                                     .limit = left_},
                                    [&](const model::EventView& event) {
                                      if (!backwards && event.position >= end_) return false;
                                      to_wire(store_.id(), event, *response.add_events());
                                      size_bytes += event.data.size() + event.metadata.size() + event.stream.size() +
                                                    event.type.size();
                                      next_ = backwards ? event.position - 1 : event.position + 1;
                                      done_ = backwards ? event.position == 0 : next_ == end_;
                                      return !done_ && size_bytes < batch_size_bytes;
                                    });
    if (!shown) return std::unexpected(shown.error());
    if (response.events().empty()) {
      done_ = true;
      return {};
    }
    left_ -= static_cast<std::uint64_t>(response.events_size());
    return stream_.write(response.SerializeAsString());
  }

  net::Stream stream_;
  store::Store& store_;
  env::Executor& executor_;
  std::optional<v1::ReadStreamRequest> request_;
  bool prepared_ = false;
  bool done_ = false;
  model::Position next_ = 0;
  model::Position end_ = 0;
  std::uint64_t left_ = 0;
  std::mutex mutex_;
  bool behind_ = false;  // guarded by mutex_: the client is behind, and nothing is posted
};

class ReadStreamHandler final : public net::StreamHandler {
 public:
  ReadStreamHandler(net::Stream stream, store::Store& store, env::Executor& executor)
      : reader_(std::make_shared<StreamReader>(std::move(stream), store, executor)) {}

  void on_message(std::string_view message) override {
    if (reader_->started()) return reader_->finish({Code::invalid_argument, "ReadStream takes one request"});
    auto request = parse<v1::ReadStreamRequest>(message);
    if (!request) return reader_->finish(std::move(request.error()));
    reader_->start(*std::move(request));
  }
  void on_half_close() override {
    if (!reader_->started()) reader_->finish({Code::invalid_argument, "ReadStream needs a request"});
  }
  void on_writable() override { reader_->writable(); }

 private:
  std::shared_ptr<StreamReader> reader_;
};

}  // namespace

void add_events(net::Router& methods, store::Store& store, env::Executor& executor) {
  methods.streaming("/thalo.v1.Events/ReadStream", [&store, &executor](net::Stream stream) {
    return std::make_unique<ReadStreamHandler>(std::move(stream), store, executor);
  });
}

}  // namespace thalo::rpc
