#include "net/session.h"

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include "base/log.h"
#include "net/session_callbacks.h"

namespace thalo::net {

namespace {

// How many frames may wait for a client that takes none before it is not read from any more.
constexpr std::size_t congested_frames = 256;
constexpr std::uint32_t connection_window_factor = 4;
constexpr std::uint32_t connection_window_bytes_max = std::uint32_t{1} << 30;

}  // namespace

Session::Session(Loop& loop, std::string peer, SessionOwner& owner)
    : loop_(loop),
      options_(loop.options()),
      peer_(std::move(peer)),
      owner_(owner),
      flood_guard_(options_.client_ping_interval_min) {
  if (nghttp2_session_server_new2(&http2_, session_callbacks(), this, session_options()) != 0) throw std::bad_alloc();
  const std::array settings{
      nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options_.streams_max},
      nghttp2_settings_entry{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options_.stream_receive_window_bytes},
      nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, options_.header_list_bytes_max},
      nghttp2_settings_entry{NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  };
  nghttp2_submit_settings(http2_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  const std::uint32_t window =
      std::min(options_.stream_receive_window_bytes, connection_window_bytes_max / connection_window_factor) *
      connection_window_factor;
  nghttp2_session_set_local_window_size(http2_, NGHTTP2_FLAG_NONE, 0, static_cast<std::int32_t>(window));
}

Session::~Session() {
  abandon();
  nghttp2_session_del(http2_);
}

void Session::abandon() {
  ending_ = true;
  while (calls_ != nullptr) {
    Call& call = *calls_;
    if (call.progress.open) {
      on_stream_closed(call);
    } else {
      unlink(call);
    }
    // A unary call whose handler still works on it goes on without a session.
    if (calls_ == &call) unlink(call);
  }
}

void Session::receive(std::string_view bytes) {
  if (ending_) return;
  const ssize_t taken =
      nghttp2_session_mem_recv(http2_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (taken >= 0 || ending_) return;
  switch (taken) {
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
      return end_with(NGHTTP2_PROTOCOL_ERROR, "this port speaks gRPC over HTTP/2 without TLS");
    case NGHTTP2_ERR_FLOODED:
      return end_with(NGHTTP2_ENHANCE_YOUR_CALM, "too many frames that need an acknowledgement");
    default:
      return end_with(NGHTTP2_INTERNAL_ERROR, nghttp2_strerror(static_cast<int>(taken)));
  }
}

void Session::produce(ByteQueue& out, std::size_t own_bytes_max) {
  output_ = &out;
  output_own_bytes_max_ = own_bytes_max;
  while (!is_full(out)) {
    const std::uint8_t* bytes = nullptr;
    const ssize_t count = nghttp2_session_mem_send(http2_, &bytes);
    if (count < 0) ending_ = true;
    if (count <= 0) break;
    out.append(std::string_view(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(count)));
  }
  output_ = nullptr;
}

bool Session::finished() const {
  if (nghttp2_session_want_write(http2_) != 0) return false;
  return ending_ || (drained_ && open_streams_ == 0) || nghttp2_session_want_read(http2_) == 0;
}

bool Session::congested() const { return nghttp2_session_get_outbound_queue_size(http2_) > congested_frames; }

void Session::send_ping() { nghttp2_submit_ping(http2_, NGHTTP2_FLAG_NONE, nullptr); }

void Session::start_drain() {
  if (std::exchange(draining_, true) || ending_) return;
  nghttp2_submit_shutdown_notice(http2_);
  send_ping();  // its acknowledgement tells that the client has read the notice
  for (Call* call = calls_; call != nullptr; call = call->progress.next) {
    if (call->progress.handler != nullptr) guarded(*call, [&] { call->progress.handler->on_draining(); });
  }
  owner_.on_output();
}

void Session::finish_drain() {
  if (!draining_ || ending_ || std::exchange(drained_, true)) return;
  constexpr std::string_view reason = "the server is shutting down";
  nghttp2_submit_goaway(http2_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(http2_), NGHTTP2_NO_ERROR,
                        reinterpret_cast<const std::uint8_t*>(reason.data()), reason.size());
  owner_.on_output();
}

void Session::cancel_all(const Status& status) {
  end_with(NGHTTP2_NO_ERROR, status.message);
  for (Call* call = calls_; call != nullptr; call = call->progress.next) fail_call(*call, status);
}

void Session::end_with(std::uint32_t error_code, std::string_view reason) {
  if (std::exchange(ending_, true)) return;
  if (error_code != NGHTTP2_NO_ERROR) {
    base::log::debug("closing a connection", {{"peer", peer_}, {"reason", reason}});
  }
  nghttp2_submit_goaway(http2_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(http2_), error_code,
                        reinterpret_cast<const std::uint8_t*>(reason.data()), reason.size());
  owner_.on_output();
}

int Session::flooding(std::string_view what) {
  end_with(NGHTTP2_ENHANCE_YOUR_CALM, what);
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

Call* Session::find_call(std::int32_t stream_id) const {
  return static_cast<Call*>(nghttp2_session_get_stream_user_data(http2_, stream_id));
}

int Session::on_frame_header(const nghttp2_frame_hd& header) {
  switch (header.type) {
    case NGHTTP2_DATA:
    case NGHTTP2_HEADERS:
    case NGHTTP2_CONTINUATION:  // bounded per header block
    case NGHTTP2_RST_STREAM:    // bounded per time; both in session_options
      return 0;
    default:
      return flood_guard_.on_other_frame(loop_.now()) ? 0 : flooding("too many frames beside those of calls");
  }
}

int Session::on_frame(const nghttp2_frame& frame) {
  const bool ends = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  switch (frame.hd.type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_DATA: {
      Call* call = find_call(frame.hd.stream_id);
      if (frame.hd.type == NGHTTP2_DATA && !ends && frame.hd.length == frame.data.padlen &&
          !flood_guard_.on_other_frame(loop_.now())) {
        return flooding("too many frames without data");
      }
      if (call == nullptr) return 0;
      if (frame.hd.type == NGHTTP2_HEADERS && frame.headers.cat == NGHTTP2_HCAT_REQUEST) {
        current_head_ = nullptr;
        return on_request_headers(*call, ends);
      }
      if (ends) on_request_end(*call);
      return 0;
    }
    case NGHTTP2_PING:
      if ((frame.hd.flags & NGHTTP2_FLAG_ACK) != 0) {
        finish_drain();
        return 0;
      }
      return flood_guard_.on_ping(loop_.now()) ? 0 : flooding("too_many_pings");
    case NGHTTP2_SETTINGS:
      greeted_ = true;
      return 0;
    default:
      return 0;
  }
}

void Session::on_frame_sent(const nghttp2_frame& frame) {
  if (frame.hd.type != NGHTTP2_HEADERS && frame.hd.type != NGHTTP2_DATA) return;
  flood_guard_.on_response_sent();
  if ((frame.hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return;
  // The answer is complete; what the client still sends for it is not wanted.
  Call* call = find_call(frame.hd.stream_id);
  if (call != nullptr && !call->progress.half_closed) {
    nghttp2_submit_rst_stream(http2_, NGHTTP2_FLAG_NONE, frame.hd.stream_id, NGHTTP2_NO_ERROR);
  }
}

void Session::on_frame_not_sent(const nghttp2_frame& frame) {
  if (frame.hd.type != NGHTTP2_HEADERS) return;
  if (Call* call = find_call(frame.hd.stream_id); call != nullptr && call->progress.open) {
    base::log::warn("a response could not be sent; its metadata may be too large", {{"peer", peer_}});
    reset_stream(*call, NGHTTP2_INTERNAL_ERROR);
  }
}

void Session::on_stream_closed(Call& call) {
  CallProgress& progress = call.progress;
  if (!std::exchange(progress.open, false)) return;
  --open_streams_;
  if (current_head_ == &call) current_head_ = nullptr;
  loop_.timers().remove(progress);
  call.over.store(true, std::memory_order_release);
  drop_handler(call);
  drop_received(call);
  account_to_send(call);
  unlink_when_done(call);
}

void Session::link(Call& call) {
  call.progress.session = this;
  call.progress.next = calls_;
  if (calls_ != nullptr) calls_->progress.previous = &call;
  calls_ = &call;
}

void Session::unlink_when_done(Call& call) {
  if (!call.progress.open && !call.progress.running) unlink(call);
}

void Session::unlink(Call& call) {
  CallProgress& progress = call.progress;
  if (progress.session == nullptr) return;
  (progress.previous == nullptr ? calls_ : progress.previous->progress.next) = progress.next;
  if (progress.next != nullptr) progress.next->progress.previous = progress.previous;
  progress.previous = progress.next = nullptr;
  progress.session = nullptr;
  receiving_bytes_ -= std::exchange(progress.received_bytes, 0);
  if (std::exchange(progress.running, false)) --running_calls_;
  call.release();
}

}  // namespace thalo::net
