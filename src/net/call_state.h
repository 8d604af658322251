// The shared state of one call: the meeting place of the connection (on its loop thread) and the handles (on any
// thread).
//
// Ownership: counted references. The session holds one while the stream is open, the mailbox one while the call is on
// its way to the loop, and each handle one. A call whose last reference goes on the loop thread is used again for a
// later call, with its buffers.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "net/call.h"
#include "net/message_reader.h"
#include "net/server.h"
#include "net/timer_heap.h"

namespace thalo::net {

class Loop;
class Session;

// What a streaming handler's side has queued for the loop. `mutex` guards everything but the atomics.
struct StreamOutbox {
  std::mutex mutex;
  ByteQueue queued;  // whole messages, each with its prefix
  bool headers_fixed = false;
  bool gzip_announced = false;
  Metadata initial;
  bool finished = false;
  Status status;
  Metadata trailing;
  bool wants_writable = false;
  std::atomic<std::size_t> pending_bytes = 0;
  std::atomic<bool> reading_paused = false;
};

// What came of a unary call. Written by the handle's owner before the delivery, read by the loop after it.
struct UnaryAnswer {
  Status status;
  std::string message;
  Compression compression = Compression::none;
  Metadata initial;
  Metadata trailing;
};

// The connection's own notes about a call. Loop thread only.
struct CallProgress final : TimerNode {
  explicit CallProgress(Call& call) : call(call) {}
  void on_timer() override;  // the deadline has passed

  Call& call;
  Session* session = nullptr;  // null when the connection has gone
  Call* previous = nullptr;    // the session's list
  Call* next = nullptr;
  std::int32_t stream_id = 0;

  // The request.
  std::size_t header_list_bytes = 0;
  bool is_post = false;
  bool is_grpc = false;
  bool gzip_request = false;
  Status rejection;  // why the headers alone make the call fail
  MessageReader reader;
  std::string held;  // arrived while reading is paused; not yet taken off the client's window
  bool request_seen = false;
  bool half_closed = false;
  bool half_close_shown = false;
  std::size_t received_bytes = 0;  // counted in the session's sum of bytes received

  // The response.
  bool open = false;     // the HTTP/2 stream is
  bool running = false;  // a handler has it
  bool headers_sent = false;
  bool failed = false;      // by the session, in the handler's place: final_status is to be sent
  bool plain_http = false;  // no gRPC call: the response ends without trailers
  bool ended = false;       // its last frame has been submitted
  bool deferred = false;    // HTTP/2 waits for more output
  ByteQueue sending;
  std::size_t accounted_bytes = 0;  // counted in the session's sum of bytes to send
  char prefix[message_prefix_bytes] = {};
  std::size_t prefix_left = 0;
  Status final_status;
  Metadata final_metadata;
  std::unique_ptr<StreamHandler> handler;

  std::size_t unsent_bytes() const { return prefix_left + sending.size(); }
};

class Call {
 public:
  explicit Call(std::shared_ptr<Loop> loop) : loop(std::move(loop)), progress(*this) {}
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // Any thread.
  void retain() { references_.fetch_add(1, std::memory_order_relaxed); }
  void release();
  // Queues the call for its loop; false when it is queued already.
  bool deliver();

  // Loop thread: as new, keeping buffers of moderate size.
  void reset();

  // Set before a handler sees the call and unchanged after.
  const std::shared_ptr<Loop> loop;
  const Router::Method* method = nullptr;
  std::string request;  // a unary call's message
  Metadata metadata;
  std::string peer;
  Deadline deadline = no_deadline;
  bool accepts_gzip = false;

  std::atomic<bool> over = false;       // nobody listens any more
  std::atomic<bool> delivered = false;  // on its way to the loop
  std::atomic<std::uint32_t> stream_handles = 0;
  Call* next_delivered = nullptr;  // the mailbox's link

  UnaryAnswer answer;
  StreamOutbox outbox;
  CallProgress progress;

 private:
  std::atomic<std::uint32_t> references_ = 1;
};

}  // namespace thalo::net
