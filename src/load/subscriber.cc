#include "load/subscriber.h"

#include <utility>

#include "load/requests.h"
#include "load/wire.h"

namespace thalo::load {

namespace {
constexpr unsigned request_from = 1;  // of a SubscribeRequest
}  // namespace

Subscriber::Subscriber(net::ClientConnection& connection, Driver& driver, const Acknowledged& acknowledged,
                       std::uint64_t from, std::string projection)
    : connection_(connection),
      driver_(driver),
      acknowledged_(acknowledged),
      from_(from),
      projection_(std::move(projection)),
      next_(from) {}

void Subscriber::begin() {
  if (!projection_.empty()) {
    connection_.open(*this, project_path);
    return connection_.send(*this, join_request(projection_, from_));
  }
  std::string request;
  append_number(request, request_from, from_);
  connection_.start(*this, subscribe_path, request);
}

void Subscriber::end_after(std::uint64_t events) {
  if (cancelled_ || ended_ || next_ - from_ < events) return;
  cancelled_ = true;
  connection_.cancel(*this);
}

void Subscriber::on_message(std::string_view message) {
  std::uint64_t batch = 0;
  const std::int64_t count = in_order_ ? check_events(message, true, next_, &batch) : -1;
  in_order_ = count >= 0;
  if (!in_order_) return;
  if (count == 0) return;
  record(static_cast<std::uint64_t>(count));
  if (!projection_.empty()) connection_.send(*this, acknowledge_request(batch, next_ - 1));
}

void Subscriber::record(std::uint64_t count) {
  const TimePoint now = std::chrono::steady_clock::now();
  // An event that comes before the answer to its command has not waited.
  driver_.recorder().record_deliveries(
      now, count, [&](std::uint64_t index) { return acknowledged_.of(next_ + index).value_or(now); });
  next_ += count;
}

void Subscriber::on_end(const net::Status& status) {
  ended_ = true;
  std::string text;
  Ending ending;
  if (!in_order_) {
    ending = {.outcome = Outcome::wrong, .error = "a subscriber's events are not in order"};
  } else if (!cancelled_) {
    ending = check_failure(status.code, status.message, text);
  }
  ending.kind = Kind::read;
  driver_.finished(*this, ending);
}

}  // namespace thalo::load
