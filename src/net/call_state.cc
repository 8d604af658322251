#include "net/call_state.h"

#include "base/clear_buffer.h"
#include "net/session.h"

namespace thalo::net {

namespace {

void empty(Status& status) {
  status.code = 0;
  status.do_not_retry = false;
  base::clear_buffer(status.message);
  base::clear_buffer(status.details);
}

void empty(StreamOutbox& outbox) {
  outbox.queued.clear(base::kept_buffer_bytes);
  outbox.headers_fixed = false;
  outbox.gzip_announced = false;
  outbox.initial.clear();
  outbox.finished = false;
  empty(outbox.status);
  outbox.trailing.clear();
  outbox.wants_writable = false;
  outbox.pending_bytes.store(0, std::memory_order_relaxed);
  outbox.reading_paused.store(false, std::memory_order_relaxed);
}

void empty(UnaryAnswer& answer) {
  empty(answer.status);
  base::clear_buffer(answer.message);
  answer.compression = Compression::none;
  answer.initial.clear();
  answer.trailing.clear();
}

void empty(CallProgress& progress) {
  progress.session = nullptr;
  progress.previous = progress.next = nullptr;
  progress.stream_id = 0;
  progress.header_list_bytes = 0;
  progress.is_post = progress.is_grpc = progress.gzip_request = false;
  empty(progress.rejection);
  base::clear_buffer(progress.held);
  progress.reader.reset(0, false);
  progress.request_seen = progress.half_closed = progress.half_close_shown = false;
  progress.received_bytes = 0;
  progress.open = progress.running = progress.headers_sent = progress.failed = progress.plain_http = false;
  progress.ended = progress.deferred = false;
  progress.sending.clear(base::kept_buffer_bytes);
  progress.accounted_bytes = progress.prefix_left = 0;
  empty(progress.final_status);
  progress.final_metadata.clear();
}

}  // namespace

void CallProgress::on_timer() { session->on_deadline(call); }

void Call::reset() {
  const bool was_streaming = method != nullptr && method->streaming;
  method = nullptr;
  base::clear_buffer(request);
  metadata.clear();
  peer.clear();
  deadline = no_deadline;
  accepts_gzip = false;
  over.store(false, std::memory_order_relaxed);
  delivered.store(false, std::memory_order_relaxed);
  stream_handles.store(0, std::memory_order_relaxed);
  next_delivered = nullptr;
  empty(answer);
  if (was_streaming) empty(outbox);
  empty(progress);
}

}  // namespace thalo::net
