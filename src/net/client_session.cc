#include "net/client_session.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <new>
#include <utility>

namespace thalo::net {

namespace {

constexpr std::size_t receive_message_bytes_max = std::size_t{64} << 20;
constexpr std::uint32_t stream_window_bytes = std::uint32_t{16} << 20;
// Long messages come in one piece, and are then shown where they lie.
constexpr std::uint32_t frame_bytes_max = std::uint32_t{256} << 10;
constexpr std::int32_t connection_window_bytes = std::int32_t{1} << 30;
// What was sent of a stream's messages is cut off once it is this much.
constexpr std::size_t sent_bytes_kept = std::size_t{64} << 10;

std::string_view view(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

nghttp2_nv header(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view text) {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(),
          NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t index = 0; index < text.size(); ++index) {
    unsigned byte = 0;
    if (text[index] == '%' && index + 2 < text.size() &&
        std::from_chars(&text[index + 1], &text[index + 3], byte, 16).ptr == &text[index + 3]) {
      out += static_cast<char>(byte);
      index += 2;
    } else {
      out += text[index];
    }
  }
  return out;
}

void append_message(std::string& out, std::string_view message) {
  const std::size_t size = out.size();
  out.resize(size + message_prefix_bytes);
  write_message_prefix(out.data() + size, false, message.size());
  out.append(message);
}

ssize_t read_request(nghttp2_session*, std::int32_t, std::uint8_t* out, std::size_t size, std::uint32_t* flags,
                     nghttp2_data_source* source, void*) {
  auto& state = *static_cast<ClientCallState*>(source->ptr);
  const std::size_t left = state.sending.size() - state.sent;
  const std::size_t count = std::min(left, size);
  std::memcpy(out, state.sending.data() + state.sent, count);
  state.sent += count;
  if (count == left) {
    if (state.half_closed) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
    } else if (count == 0) {
      state.deferred = true;
      return NGHTTP2_ERR_DEFERRED;
    }
    state.sending.clear();
    state.sent = 0;
  } else if (state.sent > sent_bytes_kept) {
    state.sending.erase(0, state.sent);
    state.sent = 0;
  }
  return static_cast<ssize_t>(count);
}

}  // namespace

struct ClientCallbacks {
  static ClientSession& self(void* user) { return *static_cast<ClientSession*>(user); }
  static ClientCallState* state_of(nghttp2_session* session, std::int32_t stream_id) {
    return static_cast<ClientCallState*>(nghttp2_session_get_stream_user_data(session, stream_id));
  }

  static int on_header(nghttp2_session* session, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t,
                       void* user) {
    ClientCallState* state = state_of(session, frame->hd.stream_id);
    if (state != nullptr) self(user).on_header(*state, view(name, name_size), view(value, value_size));
    return 0;
  }
  static int on_data(nghttp2_session* session, std::uint8_t, std::int32_t stream_id, const std::uint8_t* bytes,
                     std::size_t size, void* user) {
    ClientCallState* state = state_of(session, stream_id);
    if (state != nullptr) self(user).on_data(*state, view(bytes, size));
    return 0;
  }
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type == NGHTTP2_SETTINGS) self(user).greeted_ = true;
    return 0;
  }
  static int on_stream_close(nghttp2_session* session, std::int32_t stream_id, std::uint32_t error_code, void* user) {
    ClientCallState* state = state_of(session, stream_id);
    if (state != nullptr && state->stream_id == stream_id) self(user).on_closed(*state, error_code);
    return 0;
  }
  static int on_not_sent(nghttp2_session*, const nghttp2_frame* frame, int error, void* user) {
    if (frame->hd.type == NGHTTP2_HEADERS)
      self(user).on_not_sent(frame->hd.stream_id, error == NGHTTP2_ERR_STREAM_CLOSING);
    return 0;
  }

  static const nghttp2_session_callbacks* all() {
    static nghttp2_session_callbacks* const callbacks = [] {
      nghttp2_session_callbacks* made = nullptr;
      if (nghttp2_session_callbacks_new(&made) != 0) throw std::bad_alloc();
      nghttp2_session_callbacks_set_on_header_callback(made, on_header);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, on_data);
      nghttp2_session_callbacks_set_on_frame_recv_callback(made, on_frame);
      nghttp2_session_callbacks_set_on_frame_not_send_callback(made, on_not_sent);
      nghttp2_session_callbacks_set_on_stream_close_callback(made, on_stream_close);
      return made;
    }();
    return callbacks;
  }
};

ClientCall::ClientCall() : state_(std::make_unique<ClientCallState>()) { state_->call = this; }
ClientCall::~ClientCall() = default;
bool ClientCall::under_way() const { return state_->under_way; }

ClientSession::ClientSession(std::string authority) : authority_(std::move(authority)) {
  nghttp2_option* options = nullptr;
  if (nghttp2_option_new(&options) != 0) throw std::bad_alloc();
  nghttp2_option_set_no_closed_streams(options, 1);
  const int made = nghttp2_session_client_new2(&http2_, ClientCallbacks::all(), this, options);
  nghttp2_option_del(options);
  if (made != 0) throw std::bad_alloc();
  const std::array settings{
      nghttp2_settings_entry{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      nghttp2_settings_entry{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, stream_window_bytes},
      nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_FRAME_SIZE, frame_bytes_max},
      nghttp2_settings_entry{NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  };
  nghttp2_submit_settings(http2_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(http2_, NGHTTP2_FLAG_NONE, 0, connection_window_bytes);
}

ClientSession::~ClientSession() {
  while (calls_ != nullptr) {
    calls_->under_way = false;
    calls_ = calls_->next;
  }
  nghttp2_session_del(http2_);
}

void ClientSession::start(ClientCall& call, std::string_view path, std::string_view message) {
  ClientCallState& state = *call.state_;
  state.sending.clear();
  append_message(state.sending, message);
  state.half_closed = true;
  submit(state, path);
}

void ClientSession::open(ClientCall& call, std::string_view path) {
  ClientCallState& state = *call.state_;
  state.sending.clear();
  state.half_closed = false;
  submit(state, path);
}

void ClientSession::submit(ClientCallState& state, std::string_view path) {
  state.under_way = true;
  state.deferred = false;
  state.sent = 0;
  state.reader.reset(receive_message_bytes_max, true);
  state.http_status = 0;
  state.has_grpc_status = false;
  state.status = {};
  state.next = calls_;
  state.previous = nullptr;
  if (calls_ != nullptr) calls_->previous = &state;
  calls_ = &state;
  if (lost_) return end(state, Status::error(base::Code::unavailable, "the connection is lost"));
  const std::array headers{header(":method", "POST"),
                           header(":scheme", "http"),
                           header(":path", path),
                           header(":authority", authority_),
                           header("te", "trailers"),
                           header("content-type", "application/grpc"),
                           header("grpc-accept-encoding", "identity")};
  nghttp2_data_provider source{};
  source.source.ptr = &state;
  source.read_callback = read_request;
  state.stream_id = nghttp2_submit_request(http2_, nullptr, headers.data(), headers.size(), &source, &state);
  if (state.stream_id < 0) {
    lost_ = true;
    end(state, Status::error(base::Code::unavailable,
                             "the call cannot be started: " + std::string(nghttp2_strerror(state.stream_id))));
  }
}

void ClientSession::send(ClientCall& call, std::string_view message) {
  ClientCallState& state = *call.state_;
  if (!state.under_way) return;
  append_message(state.sending, message);
  if (std::exchange(state.deferred, false)) nghttp2_session_resume_data(http2_, state.stream_id);
}

void ClientSession::half_close(ClientCall& call) {
  ClientCallState& state = *call.state_;
  state.half_closed = true;
  if (state.under_way && std::exchange(state.deferred, false)) nghttp2_session_resume_data(http2_, state.stream_id);
}

void ClientSession::cancel(ClientCall& call) {
  ClientCallState& state = *call.state_;
  if (state.under_way) nghttp2_submit_rst_stream(http2_, NGHTTP2_FLAG_NONE, state.stream_id, NGHTTP2_CANCEL);
}

void ClientSession::forget(ClientCall& call) {
  ClientCallState& state = *call.state_;
  if (!state.under_way) return;
  cancel(call);
  nghttp2_session_set_stream_user_data(http2_, state.stream_id, nullptr);
  unlink(state);
}

base::Result<> ClientSession::receive(std::string_view bytes) {
  const ssize_t taken =
      nghttp2_session_mem_recv(http2_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (taken >= 0) return {};
  return base::fail(base::Code::unavailable, "the server does not speak HTTP/2 as expected: " +
                                                 std::string(nghttp2_strerror(static_cast<int>(taken))));
}

base::Result<> ClientSession::produce(std::string& out, std::size_t size_bytes_max) {
  while (out.size() < size_bytes_max) {
    const std::uint8_t* bytes = nullptr;
    const ssize_t count = nghttp2_session_mem_send(http2_, &bytes);
    if (count < 0) {
      return base::fail(base::Code::unavailable,
                        "the connection cannot go on: " + std::string(nghttp2_strerror(static_cast<int>(count))));
    }
    if (count == 0) break;
    out.append(view(bytes, static_cast<std::size_t>(count)));
  }
  return {};
}

void ClientSession::lose(const base::Error& error) {
  lost_ = true;
  while (calls_ != nullptr) end(*calls_, Status::from(error));
}

std::uint32_t ClientSession::calls_max() const {
  return nghttp2_session_get_remote_settings(http2_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

void ClientSession::on_header(ClientCallState& state, std::string_view name, std::string_view value) {
  if (name == "grpc-status") {
    state.has_grpc_status =
        std::from_chars(value.data(), value.data() + value.size(), state.status.code).ec == std::errc();
  } else if (name == "grpc-message") {
    state.status.message = percent_decoded(value);
  } else if (name == ":status") {
    std::from_chars(value.data(), value.data() + value.size(), state.http_status);
  }
}

void ClientSession::on_data(ClientCallState& state, std::string_view bytes) {
  if (!state.under_way) return;
  const auto taken = state.reader.read(bytes, [&](std::string_view message) {
    state.call->on_message(message);
    return true;
  });
  if (taken || state.has_grpc_status) return;
  state.has_grpc_status = true;
  state.status = Status::from(taken.error());
  nghttp2_submit_rst_stream(http2_, NGHTTP2_FLAG_NONE, state.stream_id, NGHTTP2_CANCEL);
}

void ClientSession::on_closed(ClientCallState& state, std::uint32_t error_code) {
  if (!state.under_way) return;
  if (state.has_grpc_status) {
    const Status status = std::move(state.status);
    return end(state, status);
  }
  if (error_code == NGHTTP2_CANCEL) return end(state, Status::error(base::Code::cancelled, "the call was cancelled"));
  if (error_code == NGHTTP2_REFUSED_STREAM) {
    return end(state, Status::error(base::Code::resource_exhausted, "the server refused the call: too many at once"));
  }
  end(state, Status::error(base::Code::unknown, "the call ended without a gRPC status; HTTP status " +
                                                    std::to_string(state.http_status) + ", HTTP/2 error " +
                                                    nghttp2_http2_strerror(error_code)));
}

// A call that was cancelled before it was sent is not. Once the server has said that it goes away, no new one is.
void ClientSession::on_not_sent(std::int32_t stream_id, bool was_cancelled) {
  for (ClientCallState* state = calls_; state != nullptr; state = state->next) {
    if (state->stream_id != stream_id) continue;
    if (was_cancelled) return on_closed(*state, NGHTTP2_CANCEL);
    lost_ = true;
    return end(*state, Status::error(base::Code::unavailable, "the server is going away"));
  }
}

void ClientSession::end(ClientCallState& state, const Status& status) {
  unlink(state);
  state.call->on_end(status);
}

void ClientSession::unlink(ClientCallState& state) {
  state.under_way = false;
  (state.previous == nullptr ? calls_ : state.previous->next) = state.next;
  if (state.next != nullptr) state.next->previous = state.previous;
  state.next = state.previous = nullptr;
}

}  // namespace thalo::net
