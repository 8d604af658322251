#include "net/connection.h"

#include <algorithm>
#include <chrono>
#include <span>
#include <string_view>
#include <utility>

#include "base/log.h"

namespace thalo::net {

namespace {

using namespace std::chrono_literals;

// The share of a turn: other connections wait meanwhile.
constexpr int reads_per_turn_max = 4;
constexpr int writes_per_turn_max = 16;
constexpr std::size_t write_bytes = 64 << 10;
constexpr std::size_t write_parts_max = 64;
// A buffer beyond this is given back when a burst is over.
constexpr std::size_t kept_output_bytes = 256 << 10;
// How long a client may take to hear the last words, and to acknowledge that the server drains.
constexpr auto goodbye_time = 1s;
constexpr auto drain_notice_time = 1s;

}  // namespace

Connection::Connection(Loop& loop, std::unique_ptr<Transport> transport, std::string peer, ConnectionOwner& owner)
    : loop_(loop),
      options_(loop.options()),
      transport_(std::move(transport)),
      owner_(owner),
      session_(loop, std::move(peer), *this),
      started_at_(loop.now()),
      heard_at_(loop.now()),
      idle_at_(loop.now()) {}

Connection::~Connection() {
  loop_.timers().remove(*this);
  loop_.forget(*this);
}

void Connection::start() {
  on_output();
  read_on();
}

void Connection::drain() {
  if (drained_at_ != TimePoint::max()) return;
  drained_at_ = loop_.now() + drain_notice_time;
  session_.start_drain();
  on_output();
}

void Connection::cancel(const Status& status) {
  session_.cancel_all(status);
  on_output();
}

void Connection::close() {
  if (std::exchange(closed_, true)) return;
  session_.abandon();
  transport_->close();
  loop_.timers().remove(*this);
  loop_.forget(*this);
  loop_.keep_until_turn_ends(shared_from_this());
  owner_.on_closed(*this);
}

void Connection::on_readable() {
  reading_ = false;
  for (int reads = 0; reads < reads_per_turn_max; ++reads) {
    std::string& buffer = loop_.input_buffer();
    const Transport::Moved moved = transport_->read(buffer.data(), buffer.size());
    if (moved.state == Transport::State::closed) return close();
    if (moved.state == Transport::State::blocked) break;
    heard_at_ = loop_.now();
    session_.receive(std::string_view(buffer.data(), moved.bytes));
    if (moved.bytes < buffer.size()) break;
  }
  on_output();
}

void Connection::on_writable() {
  write_blocked_ = false;
  on_output();
}

void Connection::end_of_turn() {
  if (closed_) return;
  flush();
  if (closed_) return;
  if (session_.running_calls() + session_.open_streams() > 0) {
    idle_at_ = TimePoint::max();
  } else if (idle_at_ == TimePoint::max()) {
    idle_at_ = loop_.now();
  }
  if (session_.ending() && ends_at_ == TimePoint::max()) ends_at_ = loop_.now() + goodbye_time;
  if (unsent_.empty() && session_.finished()) say_goodbye();
  read_on();
  watch_clock();
}

Transport::Moved Connection::write(const ByteQueue& bytes) {
  std::string_view parts[write_parts_max];
  return transport_->write(std::span(parts, bytes.front(parts)));
}

// True when nothing is left.
bool Connection::write_unsent() {
  while (!unsent_.empty()) {
    const Transport::Moved moved = write(unsent_);
    if (moved.state == Transport::State::closed) {
      close();
      return false;
    }
    if (moved.state == Transport::State::blocked) {
      if (blocked_at_ == TimePoint::max()) blocked_at_ = loop_.now();
      write_blocked_ = true;
      transport_->wait_writable(shared_from_this());
      return false;
    }
    blocked_at_ = TimePoint::max();
    unsent_.drop_front(moved.bytes);
  }
  unsent_.clear(kept_output_bytes);
  return true;
}

void Connection::flush() {
  if (write_blocked_ || said_goodbye_ || !write_unsent()) return;
  for (int writes = 0; writes < writes_per_turn_max; ++writes) {
    ByteQueue& buffer = loop_.output_buffer();
    buffer.clear();
    session_.produce(buffer, write_bytes);
    if (buffer.empty()) return;
    const Transport::Moved moved = write(buffer);
    if (moved.state == Transport::State::closed) return close();
    buffer.drop_front(moved.bytes);
    if (!buffer.empty()) {
      unsent_.clear(0);
      unsent_.swap(buffer);
      if (!write_unsent()) return;
    }
    buffer.clear(kept_output_bytes);
  }
  on_output();  // there is more; the others first
}

void Connection::read_on() {
  if (reading_ || closed_) return;
  // Answers to what a client sends queue up while it reads none of them.
  if (write_blocked_ && session_.congested()) return;
  reading_ = true;
  transport_->wait_readable(shared_from_this());
}

// The last words are written. Closing a socket with unread bytes in it would make the client lose them, so the client
// is heard out for a moment.
void Connection::say_goodbye() {
  if (std::exchange(said_goodbye_, true)) return;
  transport_->shut_down();
  ends_at_ = std::min(ends_at_, loop_.now() + goodbye_time);
}

void Connection::on_timer() {
  alarm_at_ = TimePoint::max();
  watch_clock();
}

void Connection::watch_clock() {
  const TimePoint next = check_clock();
  if (closed_ || next >= alarm_at_) return;
  alarm_at_ = next;
  loop_.timers().set(*this, next);
}

// Does what is due; returns when to look again.
TimePoint Connection::check_clock() {
  const TimePoint now = loop_.now();
  const auto late = [&](TimePoint limit, std::string_view reason) {
    if (now < limit) return false;
    base::log::debug("closing a connection", {{"reason", reason}});
    close();
    return true;
  };
  TimePoint next = ends_at_;
  if (late(ends_at_, "its time to end is over")) return next;
  if (!session_.greeted()) {
    const TimePoint limit = started_at_ + options_.handshake_timeout;
    if (late(limit, "the client did not start to speak HTTP/2 in time")) return next;
    next = std::min(next, limit);
  }
  if (write_blocked_) {
    const TimePoint limit = blocked_at_ + options_.write_stall_timeout;
    if (late(limit, "the client takes no bytes")) return next;
    next = std::min(next, limit);
  }
  if (drained_at_ != TimePoint::max()) {
    if (now >= drained_at_) {
      session_.finish_drain();
    } else {
      next = std::min(next, drained_at_);
    }
  }
  next = std::min(next, check_keepalive());
  if (closed_) return next;
  return std::min(next, check_idle());
}

TimePoint Connection::check_keepalive() {
  if (options_.keepalive_interval == 0ms || said_goodbye_) return TimePoint::max();
  const TimePoint now = loop_.now();
  if (pinged_at_ > heard_at_) {
    if (now >= pinged_at_ + options_.keepalive_timeout) close();
    return pinged_at_ + options_.keepalive_timeout;
  }
  if (now < heard_at_ + options_.keepalive_interval) return heard_at_ + options_.keepalive_interval;
  session_.send_ping();
  on_output();
  pinged_at_ = now;
  return now + options_.keepalive_timeout;
}

TimePoint Connection::check_idle() {
  if (options_.idle_timeout == 0ms || idle_at_ == TimePoint::max() || drained_at_ != TimePoint::max())
    return TimePoint::max();
  const TimePoint limit = idle_at_ + options_.idle_timeout;
  if (loop_.now() < limit) return limit;
  drain();
  return drained_at_;
}

}  // namespace thalo::net
