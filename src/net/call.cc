#include "net/call.h"

#include <cstdint>

#include "net/call_state.h"
#include "net/gzip.h"
#include "net/loop.h"

namespace thalo::net {

namespace {

// The answers of an AnswerBatch: one chain of calls per loop, newest first. A server has few loops, and a thread
// answers calls of few at a time.
struct Chain {
  Loop* loop;
  Call* head;
  Call* tail;
};
struct OpenBatch {
  bool active = false;
  std::vector<Chain> chains;
};
thread_local OpenBatch open_batch;

void hand_to_loop(Call* call) {
  Loop* loop = call->loop.get();
  if (!open_batch.active || Loop::current() == loop) return loop->deliver(call);
  for (Chain& chain : open_batch.chains) {
    if (chain.loop != loop) continue;
    call->next_delivered = chain.head;
    chain.head = call;
    return;
  }
  open_batch.chains.push_back({loop, call, call});
}

std::string joined(std::span<const BytesPart> parts) {
  std::string out;
  for (const BytesPart& part : parts) out += part.bytes;
  return out;
}

base::Error nobody_listens() {
  return {base::Code::cancelled,
          "nobody listens to this call any more: the client cancelled or went away, its deadline passed, or it is "
          "finished"};
}

}  // namespace

AnswerBatch::AnswerBatch() { open_batch.active = true; }

AnswerBatch::~AnswerBatch() {
  open_batch.active = false;
  for (const Chain& chain : open_batch.chains) chain.loop->deliver_chain(chain.head, chain.tail);
  open_batch.chains.clear();
}

void Call::release() {
  if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if (Loop::current() == loop.get()) {
    loop->recycle(this);
  } else {
    delete this;
  }
}

bool Call::deliver() {
  if (delivered.exchange(true, std::memory_order_acq_rel)) return false;
  retain();
  hand_to_loop(this);
  return true;
}

UnaryCall& UnaryCall::operator=(UnaryCall&& other) noexcept {
  if (this != &other) {
    drop();
    call_ = std::exchange(other.call_, nullptr);
  }
  return *this;
}

std::string_view UnaryCall::request() const { return call_->request; }
const Metadata& UnaryCall::metadata() const { return call_->metadata; }
std::string_view UnaryCall::peer() const { return call_->peer; }
std::string_view UnaryCall::method() const { return call_->method->path; }
Deadline UnaryCall::deadline() const { return call_->deadline; }
bool UnaryCall::cancelled() const { return call_->over.load(std::memory_order_relaxed); }
void UnaryCall::set_initial_metadata(Metadata metadata) { call_->answer.initial = std::move(metadata); }
void UnaryCall::set_trailing_metadata(Metadata metadata) { call_->answer.trailing = std::move(metadata); }

// The handle's reference travels with the call to the loop.
void UnaryCall::finish(std::string message, Compression compression) {
  Call* call = std::exchange(call_, nullptr);
  if (call == nullptr) return;
  call->answer.message = std::move(message);
  call->answer.compression = compression;
  hand_to_loop(call);
}

void UnaryCall::fail(Status status) {
  Call* call = std::exchange(call_, nullptr);
  if (call == nullptr) return;
  if (status.is_ok()) status = Status::error(base::Code::internal, "the handler failed the call without an error");
  call->answer.status = std::move(status);
  hand_to_loop(call);
}

void UnaryCall::drop() {
  if (call_ == nullptr) return;
  fail(Status::error(base::Code::internal, "the server dropped the call without an answer"));
}

Stream::Stream(Call* call) : call_(call) {
  call->retain();
  call->stream_handles.fetch_add(1, std::memory_order_relaxed);
}

Stream::Stream(const Stream& other) : call_(other.call_) {
  if (call_ == nullptr) return;
  call_->retain();
  call_->stream_handles.fetch_add(1, std::memory_order_relaxed);
}

Stream::~Stream() {
  if (call_ == nullptr) return;
  if (call_->stream_handles.fetch_sub(1, std::memory_order_acq_rel) == 1 && !cancelled()) {
    finish(Status::error(base::Code::internal, "the server dropped the call without finishing it"));
  }
  call_->release();
}

const Metadata& Stream::metadata() const { return call_->metadata; }
std::string_view Stream::peer() const { return call_->peer; }
std::string_view Stream::method() const { return call_->method->path; }
Deadline Stream::deadline() const { return call_->deadline; }
bool Stream::cancelled() const { return call_->over.load(std::memory_order_acquire); }

void Stream::send_initial_metadata(Metadata metadata, Compression compression) {
  StreamOutbox& outbox = call_->outbox;
  {
    std::lock_guard lock(outbox.mutex);
    if (outbox.headers_fixed || outbox.finished) return;
    outbox.headers_fixed = true;
    outbox.gzip_announced = compression == Compression::gzip && call_->accepts_gzip;
    outbox.initial = std::move(metadata);
  }
  call_->deliver();
}

base::Result<> Stream::write(std::span<const BytesPart> parts, Compression compression) {
  std::size_t size = 0;
  for (const BytesPart& part : parts) size += part.bytes.size();
  if (size > UINT32_MAX - message_prefix_bytes) {
    return base::fail(base::Code::invalid_argument, "a message of " + std::to_string(size) +
                                                        " bytes does not fit gRPC's four bytes of length; split it");
  }
  StreamOutbox& outbox = call_->outbox;
  const ServerOptions& options = call_->loop->options();
  bool wake = false;
  {
    std::unique_lock lock(outbox.mutex);
    if (cancelled() || outbox.finished) return std::unexpected(nobody_listens());
    if (!outbox.headers_fixed) {
      outbox.headers_fixed = true;
      outbox.gzip_announced = compression == Compression::gzip && call_->accepts_gzip;
    }
    const std::size_t pending = outbox.pending_bytes.load(std::memory_order_relaxed);
    if (pending > 0 && pending + size > options.stream_send_bytes_max) {
      outbox.wants_writable = true;
      return base::fail(base::Code::resource_exhausted,
                        std::to_string(pending) + " bytes wait for the client to read them and the limit is " +
                            std::to_string(options.stream_send_bytes_max) + "; go on when the stream is writable");
    }
    const bool compress = compression == Compression::gzip && outbox.gzip_announced;
    const std::size_t before = outbox.queued.size();
    std::string& end = outbox.queued.end();
    const std::size_t start = end.size();
    end.resize(start + message_prefix_bytes);
    if (compress) {
      append_gzip(end, joined(parts));
      size = end.size() - start - message_prefix_bytes;
    }
    write_message_prefix(end.data() + start, compress, size);
    if (!compress) {
      for (const BytesPart& part : parts) outbox.queued.append(part);
    }
    const std::size_t added = outbox.queued.size() - before;
    outbox.pending_bytes.fetch_add(added, std::memory_order_relaxed);
    if (pending + added >= options.stream_send_high_water_bytes) outbox.wants_writable = true;
    wake = !call_->delivered.load(std::memory_order_acquire);
  }
  if (wake) call_->deliver();
  return {};
}

std::size_t Stream::pending_bytes() const { return call_->outbox.pending_bytes.load(std::memory_order_relaxed); }
bool Stream::writable() const { return pending_bytes() < call_->loop->options().stream_send_high_water_bytes; }

void Stream::finish(Status status, Metadata trailing_metadata) {
  StreamOutbox& outbox = call_->outbox;
  {
    std::lock_guard lock(outbox.mutex);
    if (outbox.finished || cancelled()) return;
    outbox.finished = true;
    outbox.status = std::move(status);
    outbox.trailing = std::move(trailing_metadata);
    call_->over.store(true, std::memory_order_release);
  }
  call_->deliver();
}

void Stream::pause_reading() { call_->outbox.reading_paused.store(true, std::memory_order_release); }

void Stream::resume_reading() {
  if (call_->outbox.reading_paused.exchange(false, std::memory_order_acq_rel)) call_->deliver();
}

}  // namespace thalo::net
