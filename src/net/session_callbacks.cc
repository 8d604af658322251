#include "net/session_callbacks.h"

#include <algorithm>
#include <new>
#include <string_view>

#include "net/session.h"

namespace thalo::net {

namespace {

Session& session_of(void* user_data) { return *static_cast<Session*>(user_data); }

Call* call_of(nghttp2_session* http2, std::int32_t stream_id) {
  return static_cast<Call*>(nghttp2_session_get_stream_user_data(http2, stream_id));
}

std::string_view view(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

bool is_request(const nghttp2_frame* frame) {
  return frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
}

int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
  return is_request(frame) ? session_of(user_data).on_begin_headers(frame->hd.stream_id) : 0;
}

int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
              const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user_data) {
  return is_request(frame) ? session_of(user_data).on_header(view(name, name_size), view(value, value_size)) : 0;
}

int on_begin_frame(nghttp2_session*, const nghttp2_frame_hd* header, void* user_data) {
  return session_of(user_data).on_frame_header(*header);
}

int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
  return session_of(user_data).on_frame(*frame);
}

int on_data(nghttp2_session* http2, std::uint8_t, std::int32_t stream_id, const std::uint8_t* bytes, std::size_t size,
            void* user_data) {
  Call* call = call_of(http2, stream_id);
  if (call == nullptr) return nghttp2_session_consume(http2, stream_id, size) == 0 ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
  return session_of(user_data).on_data(*call, view(bytes, size));
}

int on_frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
  session_of(user_data).on_frame_sent(*frame);
  return 0;
}

int on_frame_not_sent(nghttp2_session*, const nghttp2_frame* frame, int, void* user_data) {
  session_of(user_data).on_frame_not_sent(*frame);
  return 0;
}

int on_stream_closed(nghttp2_session* http2, std::int32_t stream_id, std::uint32_t, void* user_data) {
  if (Call* call = call_of(http2, stream_id)) session_of(user_data).on_stream_closed(*call);
  return 0;
}

int send_response(nghttp2_session*, nghttp2_frame*, const std::uint8_t* frame_header, std::size_t length,
                  nghttp2_data_source* source, void* user_data) {
  return session_of(user_data).on_send_response(*static_cast<Call*>(source->ptr), frame_header, length);
}

// The longest DATA frame: what the client allows, but no more than may hold up its other calls for long.
ssize_t data_frame_bytes_max(nghttp2_session*, std::uint8_t, std::int32_t, std::int32_t, std::int32_t,
                             std::uint32_t client_frame_bytes_max, void*) {
  constexpr std::uint32_t frame_bytes_max = 256 << 10;
  return std::min(client_frame_bytes_max, frame_bytes_max);
}

ssize_t read_response(nghttp2_session*, std::int32_t, std::uint8_t*, std::size_t length, std::uint32_t* flags,
                      nghttp2_data_source* source, void* user_data) {
  return session_of(user_data).on_read_response(*static_cast<Call*>(source->ptr), length, flags);
}

}  // namespace

const nghttp2_session_callbacks* session_callbacks() {
  static const nghttp2_session_callbacks* const shared = [] {
    nghttp2_session_callbacks* callbacks = nullptr;
    if (nghttp2_session_callbacks_new(&callbacks) != 0) throw std::bad_alloc();
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_closed);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, send_response);
    nghttp2_session_callbacks_set_data_source_read_length_callback(callbacks, data_frame_bytes_max);
    return callbacks;
  }();
  return shared;
}

const nghttp2_option* session_options() {
  // A client may reset calls in bursts (its own deadlines under load) but not for a living: each reset is work thrown
  // away here.
  constexpr std::uint64_t resets_at_once = 2000;
  constexpr std::uint64_t resets_per_second = 1000;
  constexpr std::size_t settings_per_frame_max = 32;
  constexpr std::size_t continuations_max = 8;
  constexpr std::size_t waiting_acknowledgements_max = 1000;
  static const nghttp2_option* const shared = [] {
    nghttp2_option* option = nullptr;
    if (nghttp2_option_new(&option) != 0) throw std::bad_alloc();
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_stream_reset_rate_limit(option, resets_at_once, resets_per_second);
    nghttp2_option_set_max_settings(option, settings_per_frame_max);
    nghttp2_option_set_max_continuations(option, continuations_max);
    nghttp2_option_set_max_outbound_ack(option, waiting_acknowledgements_max);
    return option;
  }();
  return shared;
}

nghttp2_data_provider response_source(void* call) {
  nghttp2_data_provider provider{};
  provider.source.ptr = call;
  provider.read_callback = read_response;
  return provider;
}

}  // namespace thalo::net
