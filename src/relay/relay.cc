#include "relay/relay.h"

#include <pthread.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/log.h"

namespace thalo::relay {
namespace {

namespace log = base::log;
using std::chrono::milliseconds;

constexpr milliseconds backoff_first{100};
constexpr milliseconds retry_after_max{3'600'000};

}  // namespace

std::string_view state_name(State state) {
  switch (state) {
    case State::starting:
      return "starting";
    case State::running:
      return "running";
    case State::retrying:
      return "retrying";
    case State::stopped:
      return "stopped";
  }
  return "unknown";
}

// What the projection has sent and the sink has not confirmed. The feed's thread fills it, the relay's empties it.
class Relay::Inbox final : public feed::Consumer {
 public:
  void on_joined(model::GlobalPosition) override {
    std::lock_guard lock(mutex_);
    joined_ = true;
    changed_.notify_all();
  }
  // What was sent before is no longer meant.
  void on_resets(std::uint64_t, model::GlobalPosition) override {
    std::lock_guard lock(mutex_);
    waiting_.clear();
    reset_ = true;
    changed_.notify_all();
  }
  void on_paused(bool paused) override {
    std::lock_guard lock(mutex_);
    paused_ = paused;
    changed_.notify_all();
  }
  void on_retry() override {
    std::lock_guard lock(mutex_);
    retry_ = true;
    changed_.notify_all();
  }
  void on_events(const feed::Delivery& delivery) override {
    std::lock_guard lock(mutex_);
    waiting_.push_back(delivery);
    changed_.notify_all();
  }
  void on_heartbeat(model::GlobalPosition, model::GlobalPosition) override {
    std::lock_guard lock(mutex_);
    quiet_ = true;
    changed_.notify_all();
  }
  void on_stopped(const base::Error& reason) override {
    std::lock_guard lock(mutex_);
    ended_ = reason;
    changed_.notify_all();
  }
  void close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

  bool wait_until_joined() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return joined_ || ended_ || closed_; });
    return !ended_ && !closed_;
  }
  std::optional<base::Error> ended() const {
    std::lock_guard lock(mutex_);
    return ended_;
  }

  // Waits for `time`, or until there is a reason to go on now. True: it is a reset, and what failed is no longer meant.
  bool wait_out(milliseconds time) {
    std::unique_lock lock(mutex_);
    retry_ = false;
    changed_.wait_for(lock, time, [&] { return reset_ || retry_ || ended_ || closed_; });
    return reset_;
  }

  // The first events that wait, and not while the projection is paused; none when none has come for a while; false when
  // the membership has ended or the inbox is closed. The views live until they are confirmed, or the next call.
  bool wait_for_batch(std::size_t events_max, std::size_t bytes_max, std::vector<model::EventView>& out) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] {
        const bool has_events = !waiting_.empty() || (!taken_.empty() && !reset_);
        return (has_events ? !paused_ : quiet_) || ended_ || closed_;
      });
      if (ended_ || closed_) return false;
      quiet_ = false;
      if (std::exchange(reset_, false)) {
        taken_.clear();
        held_.clear();
      }
      std::move(waiting_.begin(), waiting_.end(), std::back_inserter(arrived_));
      waiting_.clear();
    }
    for (feed::Delivery& delivery : arrived_) {
      delivery.for_each([&](const model::EventView& event) { taken_.push_back({delivery.number(), event}); });
      held_.push_back(std::move(delivery));
    }
    arrived_.clear();
    out.clear();
    std::size_t bytes = 0;
    for (const Taken& taken : taken_) {
      bytes += taken.event.data.size() + taken.event.metadata.size();
      if (!out.empty() && (out.size() == events_max || bytes > bytes_max)) break;
      out.push_back(taken.event);
    }
    return true;
  }

  // Drops the first `count` and acknowledges them.
  void confirm(std::size_t count, feed::Membership& membership) {
    if (count == 0) return;
    const Taken& last = taken_[count - 1];
    membership.acknowledge(last.delivery, last.event.global_position);
    taken_.erase(taken_.begin(), taken_.begin() + static_cast<std::ptrdiff_t>(count));
    while (!held_.empty() && (taken_.empty() || held_.front().number() < taken_.front().delivery)) held_.pop_front();
  }

 private:
  struct Taken {
    std::uint64_t delivery;
    model::EventView event;  // its texts are in `held_`
  };
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool joined_ = false;
  bool closed_ = false;
  bool paused_ = false;
  bool reset_ = false;  // `held_` and `taken_` are of before it
  bool retry_ = false;
  bool quiet_ = false;
  std::optional<base::Error> ended_;
  std::vector<feed::Delivery> waiting_;

  // The relay's thread alone.
  std::vector<feed::Delivery> arrived_;
  std::deque<feed::Delivery> held_;
  std::deque<Taken> taken_;
};

Relay::Relay(Settings settings, std::unique_ptr<Sink> sink, feed::Projections& projections, const env::Clock& clock)
    : settings_(std::move(settings)),
      sink_(std::move(sink)),
      projections_(projections),
      clock_(clock),
      batch_events_max_(std::min(settings_.batch_events_max, sink_->events_max())),
      batch_events_(batch_events_max_) {
  health_.since_ms = clock_.now_ms();
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), ("relay-" + settings_.name).substr(0, 15).c_str());
    run();
    std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  });
}

Relay::~Relay() { stop(std::chrono::steady_clock::now()); }

Health Relay::health() const {
  std::lock_guard lock(mutex_);
  return health_;
}

void Relay::begin_stop() {
  std::lock_guard lock(mutex_);
  stopping_ = true;
  if (inbox_ != nullptr) inbox_->close();
  changed_.notify_all();
}

void Relay::stop(std::chrono::steady_clock::time_point deadline) {
  if (!thread_.joinable()) return;
  begin_stop();
  {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, deadline, [&] { return ended_; });
  }
  cut_.store(true, std::memory_order_relaxed);
  thread_.join();
}

void Relay::run() {
  feed::JoinRequest request;
  request.name = projection_name(settings_.name);
  if (!settings_.categories.empty() || !settings_.streams.empty() || !settings_.types.empty())
    request.filter = {{settings_.categories, settings_.streams, settings_.types}};
  request.member = settings_.kind + " relay";
  request.window.events = static_cast<std::uint32_t>(std::max<std::size_t>(2 * settings_.batch_events_max, 1000));
  // The relay itself tries for ever and fails no event; this is what is shown.
  request.policy = {.attempts_max = 0, .backoff_first = backoff_first, .backoff_max = settings_.retry_max};
  request.window.bytes = 4 * settings_.batch_bytes_max;
  while (true) {
    auto inbox = std::make_shared<Inbox>();
    {
      std::lock_guard lock(mutex_);
      if (stopping_) return;
      inbox_ = inbox;
    }
    auto membership = projections_.join(request, inbox);
    std::optional<base::Error> ended;
    if (!membership) {
      ended = membership.error();
    } else {
      if (inbox->wait_until_joined()) serve(*inbox, **membership);
      ended = inbox->ended();
      (*membership)->leave();
    }
    if (ended) {
      set_state(State::stopped, &*ended);
      pause(backoff());
    }
  }
}

void Relay::serve(Inbox& inbox, feed::Membership& membership) {
  // What has stopped it may do so again at once: then it runs when something is delivered, or nothing comes for a
  // while.
  if (health().state == State::starting) set_state(State::running, nullptr);
  std::vector<model::EventView> batch;
  while (inbox.wait_for_batch(batch_events_, settings_.batch_bytes_max, batch)) {
    if (batch.empty()) {
      set_state(State::running, nullptr);
      continue;
    }
    const Outcome outcome = sink_->deliver(batch, Deadline(Deadline::Clock::now() + settings_.timeout, cut_));
    inbox.confirm(outcome.confirmed, membership);
    if (const auto time = after(outcome, batch.size()); time > milliseconds(0) && inbox.wait_out(time))
      set_state(State::running, nullptr);
  }
}

milliseconds Relay::after(const Outcome& outcome, std::size_t asked) {
  {
    std::lock_guard lock(mutex_);
    health_.delivered += outcome.confirmed;
    // What was in the way before is through.
    if (outcome.confirmed > 0) health_.failures = 0;
  }
  if (outcome.confirmed == asked) {
    batch_events_ = std::min(batch_events_max_, batch_events_ * 2);
    set_state(State::running, nullptr);
    return milliseconds(0);
  }
  const base::Error unexplained{base::Code::internal, "the sink gave no reason"};
  batch_events_ = 1;
  set_state(State::retrying, outcome.failure ? &*outcome.failure : &unexplained);
  return std::max(backoff(), std::min(outcome.retry_after.value_or(milliseconds(0)), retry_after_max));
}

void Relay::set_state(State state, const base::Error* error) {
  std::lock_guard lock(mutex_);
  const std::int64_t now = clock_.now_ms();
  if (error != nullptr) {
    health_.error = error->message;
    health_.error_ms = now;
    ++health_.failures;
  } else {
    health_.failures = 0;
  }
  if (health_.state == state) return;
  // A relay that is being stopped fails because of that.
  if (error != nullptr && !stopping_) {
    log::warn("a relay fails and is tried again for as long as it takes",
              {{"relay", settings_.name}, {"kind", settings_.kind}, {"error", error->message}});
  } else if (error == nullptr && health_.state != State::starting) {
    log::info("a relay runs again",
              {{"relay", settings_.name}, {"kind", settings_.kind}, {"after_ms", now - health_.since_ms}});
  }
  health_.state = state;
  health_.since_ms = now;
}

milliseconds Relay::backoff() const {
  std::lock_guard lock(mutex_);
  const std::uint64_t doublings = std::min<std::uint64_t>(health_.failures == 0 ? 0 : health_.failures - 1, 20);
  return std::min(settings_.retry_max, backoff_first * (std::int64_t{1} << doublings));
}

void Relay::pause(milliseconds time) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, time, [&] { return stopping_; });
}

}  // namespace thalo::relay
