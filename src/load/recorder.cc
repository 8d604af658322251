#include "load/recorder.h"

#include <algorithm>
#include <numeric>

namespace thalo::load {

namespace {
constexpr std::size_t errors_max = 20;
constexpr std::size_t error_bytes_max = 400;
}  // namespace

std::uint64_t Counts::operations() const {
  return std::accumulate(by_outcome.begin(), by_outcome.end(), std::uint64_t{0});
}

void Counts::add(const Counts& other) {
  for (std::size_t index = 0; index < outcomes; ++index) by_outcome[index] += other.by_outcome[index];
  events += other.events;
  events_read += other.events_read;
}

Recorder::Recorder(const Window& window)
    : window_(window),
      intervals_(static_cast<std::size_t>((window.end - window.begin + window.interval - std::chrono::nanoseconds(1)) /
                                          window.interval)) {}

Interval* Recorder::interval_at(TimePoint time) {
  if (time < window_.begin || time >= window_.end) return nullptr;
  return &intervals_[static_cast<std::size_t>((time - window_.begin) / window_.interval)];
}

void Recorder::record(TimePoint started, TimePoint ended, const Ending& ending) {
  const auto outcome = static_cast<std::size_t>(ending.outcome);
  ++total_.by_outcome[outcome];
  total_.events += ending.events;
  progress_.store(progress_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  if (!ending.error.empty()) note_error(ending.error, 1);
  Interval* interval = interval_at(ended);
  if (interval == nullptr) return;
  ++measured_.by_outcome[outcome];
  measured_.events += ending.events;
  ++interval->operations;
  const auto taken = static_cast<std::uint64_t>(std::max<std::int64_t>(0, (ended - started).count()));
  if (ending.outcome == Outcome::refused) {
    refusal_.record(taken);
  } else if (ending.outcome == Outcome::accepted || ending.outcome == Outcome::rejected) {
    latency_[static_cast<std::size_t>(ending.kind)].record(taken);
    interval->latency.record(taken);
  }
}

void Recorder::record_read(TimePoint at, std::uint64_t events) {
  total_.events_read += events;
  progress_.store(progress_.load(std::memory_order_relaxed) + events, std::memory_order_relaxed);
  if (Interval* interval = interval_at(at)) {
    measured_.events_read += events;
    interval->events_read += events;
  }
}

void Recorder::note_error(std::string_view text, std::uint64_t times) {
  text = text.substr(0, error_bytes_max);
  auto found = errors_.find(text);
  if (found == errors_.end()) {
    if (errors_.size() >= errors_max) return;
    found = errors_.emplace(text, 0).first;
  }
  found->second += times;
}

void Recorder::add(const Recorder& other) {
  total_.add(other.total_);
  measured_.add(other.measured_);
  for (std::size_t kind = 0; kind < kinds; ++kind) latency_[kind].add(other.latency_[kind]);
  refusal_.add(other.refusal_);
  for (std::size_t index = 0; index < intervals_.size(); ++index) {
    intervals_[index].operations += other.intervals_[index].operations;
    intervals_[index].events_read += other.intervals_[index].events_read;
    intervals_[index].latency.add(other.intervals_[index].latency);
  }
  for (const auto& [text, times] : other.errors_) note_error(text, times);
}

}  // namespace thalo::load
