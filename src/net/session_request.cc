// What the client sends: headers, messages, the end of its side.
#include <string>
#include <utility>

#include "base/clear_buffer.h"
#include "net/request_head.h"
#include "net/session.h"
#include "net/session_callbacks.h"

namespace thalo::net {

using base::Code;

int Session::on_begin_headers(std::int32_t stream_id) {
  Call* call = loop_.new_call();
  call->peer = peer_;
  call->progress.stream_id = stream_id;
  call->progress.open = true;
  ++open_streams_;
  link(*call);
  current_head_ = call;
  nghttp2_session_set_stream_user_data(http2_, stream_id, call);
  return 0;
}

int Session::on_header(std::string_view name, std::string_view value) {
  if (current_head_ == nullptr) return 0;
  if (take_header(*current_head_, name, value, options_, loop_.router(), loop_.now())) return 0;
  return flooding("the headers of a request are many times larger than allowed");
}

int Session::on_request_headers(Call& call, bool ends) {
  CallProgress& progress = call.progress;
  flood_guard_.on_useful_frame();
  check_headers(call, options_);
  progress.half_closed = ends;
  // Past the limit headers are not looked at, so that nothing is known of the others.
  if (progress.header_list_bytes > options_.header_list_bytes_max) {
    fail_call(call, std::move(progress.rejection));
    return 0;
  }
  // The seam for plain HTTP: whoever serves it takes the request here.
  if (!progress.is_grpc) {
    refuse_http(call, "415", "this port speaks gRPC: the content-type of a request is application/grpc\n");
    return 0;
  }
  if (!progress.is_post) {
    refuse_http(call, "405", "a gRPC request is a POST\n");
    return 0;
  }
  if (progress.rejection.is_ok() && sending_bytes_ > options_.connection_send_bytes_max) {
    progress.rejection = Status::error(Code::resource_exhausted, std::to_string(sending_bytes_) +
                                                                     " bytes of answers wait for this client to read "
                                                                     "them; read them before making more calls");
  }
  if (progress.rejection.is_ok() && running_calls_ >= options_.streams_max) {
    progress.rejection = Status::error(Code::resource_exhausted,
                                       "this connection has " + std::to_string(running_calls_) +
                                           " calls running, counting those it has cancelled; wait for some to end");
  }
  if (!progress.rejection.is_ok()) {
    fail_call(call, std::move(progress.rejection));
    return 0;
  }
  if (call.deadline != no_deadline) loop_.timers().set(progress, call.deadline);
  progress.reader.reset(options_.receive_message_bytes_max, progress.gzip_request);
  if (call.method->streaming) dispatch_streaming(call);
  if (ends) on_request_end(call);
  return 0;
}

void Session::refuse_http(Call& call, std::string_view status_code, std::string_view text) {
  CallProgress& progress = call.progress;
  progress.plain_http = true;
  progress.sending.append(text);
  progress.headers_sent = true;
  headers_.build_http(status_code, "text/plain");
  const nghttp2_data_provider source = response_source(&call);
  if (nghttp2_submit_response(http2_, progress.stream_id, headers_.data(), headers_.size(), &source) != 0) {
    reset_stream(call, NGHTTP2_INTERNAL_ERROR);
  }
}

void Session::dispatch_streaming(Call& call) {
  CallProgress& progress = call.progress;
  progress.running = true;
  ++running_calls_;
  owner_.on_call_started();
  // Streams with much to send take turns; without this the first would go on until it has nothing left.
  const nghttp2_extpri turns{.urgency = NGHTTP2_EXTPRI_DEFAULT_URGENCY, .inc = 1};
  nghttp2_session_change_extpri_stream_priority(http2_, progress.stream_id, &turns, 1);
  guarded(call, [&] {
    std::unique_ptr<StreamHandler> handler = call.method->streaming(Stream(&call));
    if (!progress.open || progress.ended) return;
    progress.handler = std::move(handler);
    if (draining_ && progress.handler != nullptr) progress.handler->on_draining();
  });
}

void Session::dispatch_unary(Call& call) {
  if (call.deadline <= loop_.now()) return on_deadline(call);
  call.progress.running = true;
  ++running_calls_;
  owner_.on_call_started();
  call.retain();
  guarded(call, [&] { call.method->unary(UnaryCall(&call)); });
}

int Session::on_data(Call& call, std::string_view bytes) {
  flood_guard_.on_useful_frame();
  // A call that is paused holds back its own stream only.
  nghttp2_session_consume_connection(http2_, bytes.size());
  take_bytes(call, bytes);
  account_received(call);
  return 0;
}

void Session::take_bytes(Call& call, std::string_view bytes) {
  CallProgress& progress = call.progress;
  const bool streaming = call.method != nullptr && call.method->streaming;
  const bool wanted = progress.open && !progress.ended && !progress.failed && !progress.plain_http &&
                      (!streaming || progress.handler != nullptr);
  if (!wanted) return consume(call, bytes.size());
  if (!progress.held.empty() || (streaming && call.outbox.reading_paused.load(std::memory_order_acquire))) {
    progress.held.append(bytes);
    return;
  }
  auto taken = progress.reader.read(bytes, [&](std::string_view message) { return visit_message(call, message); });
  if (!taken) {
    consume(call, bytes.size());
    return fail_call(call, Status::from(std::move(taken.error())));
  }
  consume(call, *taken);
  if (*taken < bytes.size()) progress.held.assign(bytes.substr(*taken));
}

// Reading was resumed, or was stopped between messages.
void Session::take_held(Call& call) {
  CallProgress& progress = call.progress;
  if (call.outbox.reading_paused.load(std::memory_order_acquire)) return;
  if (!progress.held.empty()) {
    const std::string bytes = std::exchange(progress.held, {});
    take_bytes(call, bytes);
    account_received(call);
  }
  if (progress.held.empty() && progress.half_closed) show_half_close(call);
}

void Session::consume(Call& call, std::size_t bytes) {
  if (call.progress.open && !call.progress.half_closed) {
    nghttp2_session_consume_stream(http2_, call.progress.stream_id, bytes);
  }
}

bool Session::visit_message(Call& call, std::string_view message) {
  CallProgress& progress = call.progress;
  if (call.method->streaming) {
    if (progress.handler == nullptr || call.over.load(std::memory_order_acquire)) return true;
    guarded(call, [&] { progress.handler->on_message(message); });
    return !call.outbox.reading_paused.load(std::memory_order_acquire);
  }
  if (std::exchange(progress.request_seen, true)) {
    fail_call(call, Status::error(Code::unimplemented,
                                  "the method " + call.method->path + " takes one message, and the request has more"));
  } else {
    call.request.assign(message);
  }
  return true;
}

void Session::on_request_end(Call& call) {
  CallProgress& progress = call.progress;
  progress.half_closed = true;
  if (progress.ended || progress.failed || progress.plain_http) return;
  if (call.method->streaming) return take_held(call);
  if (progress.reader.inside_message()) {
    return fail_call(call, Status::error(Code::invalid_argument, "the request ends inside a message"));
  }
  if (!progress.request_seen) {
    return fail_call(call, Status::error(Code::unimplemented, "the method " + call.method->path +
                                                                  " takes one message, and the request has none"));
  }
  dispatch_unary(call);
}

void Session::show_half_close(Call& call) {
  CallProgress& progress = call.progress;
  if (progress.handler == nullptr || std::exchange(progress.half_close_shown, true)) return;
  if (progress.reader.inside_message()) {
    return fail_call(call, Status::error(Code::invalid_argument, "the request ends inside a message"));
  }
  if (call.over.load(std::memory_order_acquire)) return;
  guarded(call, [&] { progress.handler->on_half_close(); });
}

void Session::account_received(Call& call) {
  CallProgress& progress = call.progress;
  if (progress.session == nullptr) return;
  const std::size_t bytes = progress.reader.buffered_bytes() + progress.held.size() + call.request.size();
  receiving_bytes_ += bytes;
  receiving_bytes_ -= std::exchange(progress.received_bytes, bytes);
  if (receiving_bytes_ <= options_.connection_receive_bytes_max || progress.ended || progress.failed) return;
  fail_call(call, Status::error(Code::resource_exhausted,
                                "the requests of this connection that are still arriving have " +
                                    std::to_string(receiving_bytes_) + " bytes; the server takes at most " +
                                    std::to_string(options_.connection_receive_bytes_max)));
}

// What nobody will read any more. The request of a handler at work stays and counts.
void Session::drop_received(Call& call) {
  CallProgress& progress = call.progress;
  base::clear_buffer(progress.held);
  progress.reader.reset(0, false);
  if (!progress.running) base::clear_buffer(call.request);
  receiving_bytes_ += call.request.size();
  receiving_bytes_ -= std::exchange(progress.received_bytes, call.request.size());
}

}  // namespace thalo::net
