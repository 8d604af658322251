#include "load/driver.h"

#include <algorithm>

namespace thalo::load {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::nanoseconds;

// Between looks at the clock when nothing happens.
constexpr nanoseconds patience_max = std::chrono::milliseconds(20);
// Operations that are late are begun in runs of so many, so that answers are taken in between.
constexpr int due_at_once_max = 4096;

}  // namespace

Driver::Driver(const Window& window, const Pace& pace) : pace_(pace), recorder_(window) {}

void Driver::run(Transport& transport) {
  idle_ = transport.callers(*this);
  // The last is taken first: the callers of different connections alternate.
  std::ranges::reverse(idle_);
  transport.begin_beside(*this);
  if (pace_.rate == 0) {
    const std::vector<Caller*> all = std::exchange(idle_, {});
    for (Caller* caller : all) {
      if (begun_ < pace_.operations_max) begin(*caller, Clock::now());
    }
  }
  TimePoint now = Clock::now();
  for (; now < recorder_.window().end && !stopped_.load(std::memory_order_relaxed); now = Clock::now()) {
    if (pace_.rate > 0) begin_due(now);
    transport.flush();
    const bool all_lost = under_way_ <= beside_ && idle_.empty();
    const bool all_done = under_way_ <= beside_ && begun_ >= pace_.operations_max;
    if (all_lost || all_done) break;
    transport.wait(patience(Clock::now()));
  }
  ending_ = true;
  measured_until_ = std::min(now, recorder_.window().end);
  if (pace_.rate > 0) {
    const auto whole =
        static_cast<std::uint64_t>(std::chrono::duration<double>(now - pace_.begin).count() * pace_.rate);
    const std::uint64_t wanted = std::min(whole, pace_.operations_max);
    never_begun_ = wanted > begun_ ? wanted - begun_ : 0;
  }
  transport.end();
  const TimePoint deadline = now + pace_.drain_timeout;
  while (under_way_ > 0 && now < deadline) {
    transport.flush();
    transport.wait(patience_max);
    now = Clock::now();
  }
  for (; under_way_ > 0; --under_way_) {
    recorder_.record(now, now, {.outcome = Outcome::unknown, .error = "no answer came before the end of the run"});
  }
  ended_.store(true, std::memory_order_release);
}

void Driver::begin_beside(Caller& caller) {
  caller.started_ = Clock::now();
  ++under_way_;
  ++beside_;
  caller.begin();
}

void Driver::begin(Caller& caller, TimePoint started) {
  caller.started_ = started;
  ++under_way_;
  ++begun_;
  caller.begin();
}

TimePoint Driver::due(std::uint64_t number) const {
  return pace_.begin + nanoseconds(static_cast<std::int64_t>(static_cast<double>(number) * 1e9 / pace_.rate));
}

void Driver::begin_due(TimePoint now) {
  for (int count = 0; count < due_at_once_max && !idle_.empty() && begun_ < pace_.operations_max && due(begun_) <= now;
       ++count) {
    Caller* caller = idle_.back();
    idle_.pop_back();
    begin(*caller, due(begun_));
  }
}

nanoseconds Driver::patience(TimePoint now) const {
  const nanoseconds left = recorder_.window().end - now;
  nanoseconds out = std::min(patience_max, left);
  if (pace_.rate > 0 && !idle_.empty()) out = std::min<nanoseconds>(out, due(begun_) - now);
  return std::max(nanoseconds(0), out);
}

void Driver::finished(Caller& caller, const Ending& ending, TimePoint now) {
  --under_way_;
  recorder_.record(caller.started_, now, ending);
  if (caller.lost()) return;
  if (pace_.rate == 0 && !ending_ && begun_ < pace_.operations_max) return begin(caller, now);
  idle_.push_back(&caller);
}

}  // namespace thalo::load
