// Messages of a call that is written to from outside its loop thread, when what makes them is bounded elsewhere (by a
// window, or because the next is made only when the client has room). A client that has more made without reading, e.g.
// by acknowledging what it has not read, loses its call.
#pragma once

#include <cstddef>
#include <deque>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "net/call.h"

namespace thalo::rpc {

// Any thread.
class MessageQueue {
 public:
  explicit MessageQueue(net::Stream stream) : stream_(std::move(stream)) {}

  net::Stream& stream() { return stream_; }
  // Whether the client takes messages as fast as they come.
  bool is_ready() {
    const std::lock_guard lock(mutex_);
    return unsent_.empty() && stream_.writable();
  }
  // Writes in the order of the calls. One that the connection cannot take beside what is waiting is kept. False: too
  // much was waiting, and the call is finished.
  bool send(std::string_view message) {
    const net::BytesPart part{message};
    return send(std::span(&part, 1));
  }
  // One message of several parts. What has an owner is not copied unless it is kept.
  bool send(std::span<const net::BytesPart> parts) {
    const std::lock_guard lock(mutex_);
    if (unsent_.empty()) {
      const auto written = stream_.write(parts);
      if (written || written.error().code != base::Code::resource_exhausted) return true;
    }
    if (unsent_bytes_ > unsent_bytes_max) {
      unsent_.clear();
      unsent_bytes_ = 0;
      stream_.finish(net::Status::error(base::Code::resource_exhausted,
                                        "the client does not read: more than " + std::to_string(unsent_bytes_max) +
                                            " bytes of messages wait for it; acknowledge only what was read"));
      return false;
    }
    std::string& message = unsent_.emplace_back();
    for (const net::BytesPart& part : parts) message += part.bytes;
    unsent_bytes_ += message.size();
    return true;
  }
  // From StreamHandler::on_writable.
  void flush() {
    const std::lock_guard lock(mutex_);
    while (!unsent_.empty()) {
      const auto written = stream_.write(unsent_.front());
      if (!written && written.error().code == base::Code::resource_exhausted) return;
      unsent_bytes_ -= unsent_.front().size();
      unsent_.pop_front();
    }
  }

 private:
  static constexpr std::size_t unsent_bytes_max = 16 << 20;  // more than any window

  net::Stream stream_;
  std::mutex mutex_;
  std::deque<std::string> unsent_;
  std::size_t unsent_bytes_ = 0;
};

}  // namespace thalo::rpc
