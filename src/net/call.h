// What a handler gets in its hand: the two kinds of call.
//
// A handle is one pointer wide and may be moved to any thread. It stays valid after the client, the connection or the
// server has gone; what is answered then is dropped.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "net/byte_queue.h"
#include "net/metadata.h"
#include "net/status.h"

namespace thalo::net {

class Call;  // call_state.h: the shared state behind both handles

using Deadline = std::chrono::steady_clock::time_point;
inline constexpr Deadline no_deadline = Deadline::max();

// Whether a message may be compressed on its way. gzip is used only where the client accepts it.
enum class Compression : std::uint8_t { none, gzip };

// A call of one request and one answer. Exactly one of finish and fail answers it, from any thread; dropping the handle
// unanswered answers INTERNAL. One thread at a time may use a handle.
class UnaryCall {
 public:
  explicit UnaryCall(Call* call) : call_(call) {}  // takes over one reference; for the connection only
  UnaryCall(UnaryCall&& other) noexcept : call_(std::exchange(other.call_, nullptr)) {}
  UnaryCall& operator=(UnaryCall&& other) noexcept;
  ~UnaryCall() { drop(); }

  // The request's bytes, decompressed. These texts live until the call is answered or the handle is gone.
  std::string_view request() const;
  const Metadata& metadata() const;
  std::string_view peer() const;    // "127.0.0.1:51234", "[::1]:51234"
  std::string_view method() const;  // "/package.Service/Method"
  Deadline deadline() const;        // no_deadline when the client set none

  // True once nobody waits for the answer any more: the client cancelled or went away, or the deadline passed. A hint;
  // it may become true right after it was false.
  bool cancelled() const;

  // Sent with the answer; each at most once, before it.
  void set_initial_metadata(Metadata metadata);
  void set_trailing_metadata(Metadata metadata);

  // The handle is empty afterwards.
  void finish(std::string message, Compression compression = Compression::none);
  void fail(Status status);
  void fail(base::Error error) { fail(Status::from(std::move(error))); }

  explicit operator bool() const { return call_ != nullptr; }

 private:
  void drop();
  Call* call_;
};

// Answers given on this thread while one of these lives wake each loop thread once, at its end, instead of once each:
// for whoever completes many calls in a row. Not to be nested, kept, or held while waiting for anything.
class AnswerBatch {
 public:
  AnswerBatch();
  ~AnswerBatch();
  AnswerBatch(const AnswerBatch&) = delete;
  AnswerBatch& operator=(const AnswerBatch&) = delete;
};

// A call of any number of messages in either direction. Copies name the same call. Every member may be used from any
// thread.
class Stream {
 public:
  explicit Stream(Call* call);  // adds a reference; for the connection only
  Stream(const Stream& other);
  Stream(Stream&& other) noexcept : call_(std::exchange(other.call_, nullptr)) {}
  Stream& operator=(Stream other) noexcept {
    std::swap(call_, other.call_);
    return *this;
  }
  // The last handle of a call that is not finished finishes it with INTERNAL.
  ~Stream();

  // These live as long as the handle.
  const Metadata& metadata() const;
  std::string_view peer() const;
  std::string_view method() const;
  Deadline deadline() const;

  // True once nobody listens any more: the client cancelled or went away, the deadline passed, or the call was
  // finished.
  bool cancelled() const;

  // Sends the response's headers now, rather than with the first message. At most once, before the first write; later
  // ones are ignored.
  void send_initial_metadata(Metadata metadata, Compression compression = Compression::none);

  // Queues a copy of one message. Messages go out in the order of the writes. CANCELLED when nobody listens any more;
  // RESOURCE_EXHAUSTED when more than ServerOptions::stream_send_bytes_max bytes wait already (nothing is queued).
  // Compression::gzip compresses on the calling thread, and only if the response's headers announced it.
  base::Result<> write(std::string_view message, Compression compression = Compression::none) {
    const BytesPart part{message};
    return write(std::span(&part, 1), compression);
  }
  // One message of several parts. What has an owner is not copied but for compressing it.
  base::Result<> write(std::span<const BytesPart> parts, Compression compression = Compression::none);

  // The bytes queued and not yet handed to the connection. A writer stops when this reaches
  // stream_send_high_water_bytes and goes on at StreamHandler::on_writable, which follows every time it had reached it.
  std::size_t pending_bytes() const;
  bool writable() const;

  // Sends what is queued, then the status. Later calls are ignored.
  void finish(Status status, Metadata trailing_metadata = {});

  // No on_message after this until resume_reading; the client is held back by flow control, and what has arrived waits
  // in a bounded buffer. Called inside on_message it holds from the next message on.
  void pause_reading();
  void resume_reading();

  explicit operator bool() const { return call_ != nullptr; }

 private:
  Call* call_;
};

// The server's side of one streaming call. Owned by the call and destroyed on its loop thread when the call is over.
// All members are called on that thread, one at a time, and must not block; they may use the Stream.
class StreamHandler {
 public:
  virtual ~StreamHandler() = default;

  // `message` lives until this returns.
  virtual void on_message(std::string_view message) = 0;
  // The client has sent its last message. The call goes on until it is finished.
  virtual void on_half_close() = 0;
  // The queue of writes has drained to the low-water mark after it had reached the high-water mark.
  virtual void on_writable() {}
  // The server is being drained: a handler that would go on for long finishes, so that its client turns to another
  // server.
  virtual void on_draining() {}
  // The client cancelled or went away, or the deadline passed. Nothing follows. Not called for a call that was
  // finished.
  virtual void on_cancelled() {}
};

}  // namespace thalo::net
