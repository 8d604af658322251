// What the handlers answer: headers, messages, trailers.
#include <algorithm>
#include <exception>
#include <string>
#include <utility>

#include "base/log.h"
#include "net/gzip.h"
#include "net/session.h"
#include "net/session_callbacks.h"

namespace thalo::net {

namespace {

constexpr std::size_t frame_header_bytes = 9;

std::string_view view(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

bool succeeds(const Call& call, base::FunctionRef<void()> work) {
  try {
    work();
    return true;
  } catch (const std::exception& exception) {
    base::log::error("a call's handler failed", {{"method", call.method->path}, {"error", exception.what()}});
  } catch (...) {
    base::log::error("a call's handler failed", {{"method", call.method->path}});
  }
  return false;
}

}  // namespace

void Session::guarded(Call& call, base::FunctionRef<void()> work) {
  if (succeeds(call, work)) return;
  fail_call(call, Status::error(base::Code::internal, "the server failed on this call; its log says why"));
}

void Session::on_delivered(Call& call) {
  if (call.method->streaming) {
    pump_stream(call);
  } else {
    answer_unary(call);
  }
  owner_.on_output();
}

void Session::answer_unary(Call& call) {
  CallProgress& progress = call.progress;
  if (std::exchange(progress.running, false)) --running_calls_;
  if (!progress.open || progress.ended) return unlink_when_done(call);
  UnaryAnswer& answer = call.answer;
  if (!answer.status.is_ok() && answer.initial.empty()) {
    call.over.store(true, std::memory_order_release);
    return submit_trailers_only(call, answer.status, answer.trailing);
  }
  progress.final_status = std::move(answer.status);
  progress.final_metadata = std::move(answer.trailing);
  bool gzip = false;
  if (progress.final_status.is_ok()) {
    gzip = answer.compression == Compression::gzip && call.accepts_gzip;
    if (gzip) {
      append_gzip(progress.sending.end(), answer.message);
    } else {
      progress.sending.assign(std::move(answer.message));
    }
    write_message_prefix(progress.prefix, gzip, progress.sending.size());
    progress.prefix_left = message_prefix_bytes;
  }
  account_to_send(call);
  submit_headers(call, answer.initial, gzip);
}

void Session::pump_stream(Call& call) {
  CallProgress& progress = call.progress;
  if (!progress.open || progress.ended || progress.failed) return;
  StreamOutbox& outbox = call.outbox;
  bool headers_fixed = false;
  bool ends_at_once = false;
  {
    std::lock_guard lock(outbox.mutex);
    headers_fixed = outbox.headers_fixed || outbox.finished;
    ends_at_once = outbox.finished && outbox.queued.empty() && outbox.initial.empty();
  }
  if (!progress.headers_sent) {
    // Once fixed, the outbox's headers do not change; nor do status and trailers once finished.
    if (ends_at_once) return submit_trailers_only(call, outbox.status, outbox.trailing);
    if (headers_fixed) submit_headers(call, outbox.initial, outbox.gzip_announced);
  } else if (std::exchange(progress.deferred, false)) {
    nghttp2_session_resume_data(http2_, progress.stream_id);
  }
  take_held(call);
}

void Session::on_deadline(Call& call) {
  fail_call(call,
            Status::error(base::Code::deadline_exceeded, "the deadline of the call passed before it was answered"));
  owner_.on_output();
}

void Session::fail_call(Call& call, Status status) {
  CallProgress& progress = call.progress;
  if (!progress.open || progress.ended || progress.failed || progress.plain_http) return;
  call.over.store(true, std::memory_order_release);
  drop_handler(call);
  drop_received(call);
  if (!progress.headers_sent) return submit_trailers_only(call, status, {});
  // Part of a message may be on its way, and nothing but the rest of it can follow. Where the whole connection ends,
  // clients take its end as UNAVAILABLE, and a reset as CANCELLED.
  if (progress.unsent_bytes() > 0 && !ending_) return reset_stream(call, NGHTTP2_CANCEL);
  progress.failed = true;
  progress.final_status = std::move(status);
  progress.final_metadata.clear();
  if (std::exchange(progress.deferred, false)) nghttp2_session_resume_data(http2_, progress.stream_id);
}

void Session::drop_handler(Call& call) {
  CallProgress& progress = call.progress;
  if (call.method == nullptr || !call.method->streaming) return;
  if (std::exchange(progress.running, false)) --running_calls_;
  const std::unique_ptr<StreamHandler> handler = std::move(progress.handler);
  bool finished = false;
  {
    std::lock_guard lock(call.outbox.mutex);
    finished = call.outbox.finished;
    call.outbox.finished = true;
  }
  if (handler != nullptr && !finished) succeeds(call, [&] { handler->on_cancelled(); });
}

void Session::submit_headers(Call& call, const Metadata& metadata, bool gzip) {
  CallProgress& progress = call.progress;
  progress.headers_sent = true;
  headers_.build_initial(metadata, gzip);
  const nghttp2_data_provider source = response_source(&call);
  if (nghttp2_submit_response(http2_, progress.stream_id, headers_.data(), headers_.size(), &source) != 0) {
    reset_stream(call, NGHTTP2_INTERNAL_ERROR);
  }
}

void Session::submit_trailers_only(Call& call, const Status& status, const Metadata& metadata) {
  CallProgress& progress = call.progress;
  progress.headers_sent = true;
  progress.ended = true;
  headers_.build_trailers_only(status, metadata);
  if (nghttp2_submit_response(http2_, progress.stream_id, headers_.data(), headers_.size(), nullptr) != 0) {
    reset_stream(call, NGHTTP2_INTERNAL_ERROR);
  }
}

void Session::submit_trailers(Call& call) {
  CallProgress& progress = call.progress;
  progress.ended = true;
  if (call.method->streaming && !progress.failed) {
    std::lock_guard lock(call.outbox.mutex);
    progress.final_status = std::move(call.outbox.status);
    progress.final_metadata = std::move(call.outbox.trailing);
  }
  headers_.build_trailers(progress.final_status, progress.final_metadata);
  if (nghttp2_submit_trailer(http2_, progress.stream_id, headers_.data(), headers_.size()) != 0) {
    reset_stream(call, NGHTTP2_INTERNAL_ERROR);
  }
}

void Session::reset_stream(Call& call, std::uint32_t error_code) {
  call.progress.ended = true;
  nghttp2_submit_rst_stream(http2_, NGHTTP2_FLAG_NONE, call.progress.stream_id, error_code);
}

// What there is to send of a stream now; `last` tells that nothing will follow.
std::size_t Session::take_queued(Call& call, bool& last) {
  CallProgress& progress = call.progress;
  StreamOutbox& outbox = call.outbox;
  std::lock_guard lock(outbox.mutex);
  if (progress.unsent_bytes() == 0) {
    progress.sending.clear(options_.stream_send_high_water_bytes);
    progress.sending.swap(outbox.queued);
  }
  last = outbox.finished && outbox.queued.empty();
  return progress.unsent_bytes();
}

ssize_t Session::on_read_response(Call& call, std::size_t length, std::uint32_t* flags) {
  CallProgress& progress = call.progress;
  std::size_t available = progress.unsent_bytes();
  bool last = true;
  if (!progress.failed && !progress.plain_http && call.method->streaming && available <= length) {
    available = take_queued(call, last);
  }
  const std::size_t count = std::min(length, available);
  if (count == 0 && !last) {
    progress.deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  if (count > 0) *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (count == available && last) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (progress.plain_http) {
      progress.ended = true;
    } else {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      submit_trailers(call);
    }
  }
  return static_cast<ssize_t>(count);
}

int Session::on_send_response(Call& call, const std::uint8_t* frame_header, std::size_t length) {
  if (is_full(*output_)) return NGHTTP2_ERR_WOULDBLOCK;
  CallProgress& progress = call.progress;
  output_->append(view(frame_header, frame_header_bytes));
  const std::size_t from_prefix = std::min(length, progress.prefix_left);
  output_->append(std::string_view(progress.prefix + message_prefix_bytes - progress.prefix_left, from_prefix));
  progress.prefix_left -= from_prefix;
  progress.sending.move_front(length - from_prefix, *output_);
  account_to_send(call);
  if (call.method != nullptr && call.method->streaming && !progress.plain_http) {
    call.outbox.pending_bytes.fetch_sub(length, std::memory_order_relaxed);
    show_writable(call);
  }
  return 0;
}

void Session::show_writable(Call& call) {
  StreamOutbox& outbox = call.outbox;
  const auto is_low = [&] {
    return outbox.pending_bytes.load(std::memory_order_relaxed) <= options_.stream_send_low_water_bytes;
  };
  if (!is_low()) return;
  {
    std::lock_guard lock(outbox.mutex);
    // A write may have filled it again meanwhile; then the wish stands until that has drained.
    if (!is_low()) return;
    if (!std::exchange(outbox.wants_writable, false) || outbox.finished) return;
  }
  if (call.progress.handler != nullptr) guarded(call, [&] { call.progress.handler->on_writable(); });
}

void Session::account_to_send(Call& call) {
  CallProgress& progress = call.progress;
  const std::size_t bytes = progress.open ? progress.unsent_bytes() : 0;
  sending_bytes_ += bytes;
  sending_bytes_ -= std::exchange(progress.accounted_bytes, bytes);
}

}  // namespace thalo::net
