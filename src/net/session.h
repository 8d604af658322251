// The server's side of one HTTP/2 connection without its socket: bytes in, calls to handlers, bytes out.
//
// Split over session.cc (bytes, life and limits of the connection), session_request.cc (what the client sends) and
// session_response.cc (what the handlers answer); session_callbacks.cc ties them to nghttp2. One loop thread.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/function_ref.h"
#include "net/call_state.h"
#include "net/flood_guard.h"
#include "net/loop.h"
#include "net/response_headers.h"

namespace thalo::net {

// Whoever carries the session's bytes.
class SessionOwner {
 public:
  virtual void on_output() = 0;        // there may be bytes to produce
  virtual void on_call_started() = 0;  // a handler got a call

 protected:
  ~SessionOwner() = default;
};

class Session {
 public:
  Session(Loop& loop, std::string peer, SessionOwner& owner);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Takes bytes from the client.
  void receive(std::string_view bytes);
  // Adds output to an empty queue, some `own_bytes_max` of copied bytes at most and some eight times as much in all;
  // nothing when there is none.
  void produce(ByteQueue& out, std::size_t own_bytes_max);
  // No more bytes are wanted: close once everything produced is sent.
  bool finished() const;
  // The client sends faster than it takes answers: read no more from it until output has gone.
  bool congested() const;

  // The client has gone: cancels every call. Nothing else may be called afterwards.
  void abandon();

  // The loop hands over a call that has something new.
  void on_delivered(Call& call);
  void on_deadline(Call& call);

  // It is over: what is left to produce says so to the client.
  bool ending() const { return ending_; }
  bool greeted() const { return greeted_; }  // the client's preface and settings have arrived
  std::size_t open_streams() const { return open_streams_; }
  std::size_t running_calls() const { return running_calls_; }
  void send_ping();

  // Graceful end, in two steps as RFC 9113 says: announce, then (a round trip later) name the last stream. The calls go
  // on.
  void start_drain();
  void finish_drain();
  // Answers every open call with `status` and ends the session.
  void cancel_all(const Status& status);

  // From nghttp2; a result other than 0 ends the session.
  int on_begin_headers(std::int32_t stream_id);
  int on_header(std::string_view name, std::string_view value);
  int on_frame(const nghttp2_frame& frame);
  int on_data(Call& call, std::string_view bytes);
  int on_frame_header(const nghttp2_frame_hd& header);
  void on_frame_sent(const nghttp2_frame& frame);
  void on_frame_not_sent(const nghttp2_frame& frame);
  void on_stream_closed(Call& call);
  ssize_t on_read_response(Call& call, std::size_t length, std::uint32_t* flags);
  int on_send_response(Call& call, const std::uint8_t* frame_header, std::size_t length);

 private:
  // Requests.
  int on_request_headers(Call& call, bool ends);
  void refuse_http(Call& call, std::string_view status_code, std::string_view text);
  void dispatch_streaming(Call& call);
  void dispatch_unary(Call& call);
  void on_request_end(Call& call);
  void take_bytes(Call& call, std::string_view bytes);
  void take_held(Call& call);
  void consume(Call& call, std::size_t bytes);
  bool visit_message(Call& call, std::string_view message);
  void show_half_close(Call& call);
  // Runs a handler. Handlers are the server's own code: an exception that leaves one is a fault in it, which costs that
  // call alone.
  void guarded(Call& call, base::FunctionRef<void()> work);
  void account_received(Call& call);
  void drop_received(Call& call);

  // Responses.
  void answer_unary(Call& call);
  void pump_stream(Call& call);
  void fail_call(Call& call, Status status);  // the session answers in the handler's place
  void submit_headers(Call& call, const Metadata& metadata, bool gzip);
  void submit_trailers_only(Call& call, const Status& status, const Metadata& metadata);
  void submit_trailers(Call& call);
  void reset_stream(Call& call, std::uint32_t error_code);
  void account_to_send(Call& call);
  std::size_t take_queued(Call& call, bool& last);
  bool is_full(const ByteQueue& output) const {
    return output.own_size() >= output_own_bytes_max_ || output.size() / 8 >= output_own_bytes_max_;
  }
  void show_writable(Call& call);
  void drop_handler(Call& call);

  // Life.
  void link(Call& call);
  void unlink_when_done(Call& call);
  void unlink(Call& call);
  void end_with(std::uint32_t error_code, std::string_view reason);
  int flooding(std::string_view what);
  Call* find_call(std::int32_t stream_id) const;

  Loop& loop_;
  const ServerOptions& options_;
  const std::string peer_;
  SessionOwner& owner_;
  nghttp2_session* http2_ = nullptr;
  FloodGuard flood_guard_;
  ResponseHeaders headers_;
  Call* calls_ = nullptr;         // every call that is open or still with its handler
  Call* current_head_ = nullptr;  // whose headers are arriving
  ByteQueue* output_ = nullptr;   // set while produce runs
  std::size_t output_own_bytes_max_ = 0;
  std::size_t open_streams_ = 0;
  std::size_t running_calls_ = 0;
  std::size_t receiving_bytes_ = 0;
  std::size_t sending_bytes_ = 0;
  bool greeted_ = false;
  bool ending_ = false;  // nothing is read any more
  bool draining_ = false;
  bool drained_ = false;  // the last stream is named
};

}  // namespace thalo::net
