#include "store/committer.h"

#include <pthread.h>

#include <exception>
#include <string>

#include "base/prompt.h"

namespace thalo::store {
namespace {

using base::Code;
using base::fail;

std::string number(std::uint64_t value) { return std::to_string(value); }

// The sinks whose vectors are kept between batches.
constexpr std::size_t kept_sinks_max = 64;

}  // namespace

Committer::Committer(const CommitLimits& limits, CommitTarget& target, HeadTable& heads, Poison& poison,
                     model::GlobalPosition head)
    : limits_(limits),
      target_(target),
      heads_(heads),
      poison_(poison),
      queue_("the store's append queue", limits.queue_appends_max),
      head_(head) {}

Committer::~Committer() { close(); }

void Committer::start() {
  thread_ = std::thread([this] { run(); });
}

void Committer::close() {
  queue_.close();
  if (thread_.joinable()) thread_.join();
}

base::Result<> Committer::check(const Append& append) const {
  if (append.events.empty())
    return fail(Code::invalid_argument,
                "an append to stream " + std::string(append.stream) + " needs at least one event");
  if (append.events.size() > limits_.append_events_max) {
    return fail(Code::invalid_argument, "an append to stream " + std::string(append.stream) + " has " +
                                            number(append.events.size()) + " events and may have " +
                                            number(limits_.append_events_max) + "; split it");
  }
  return poison_.check();
}

base::Result<> Committer::append(Append append, AppendSink& sink) {
  if (auto checked = check(append); !checked) return checked;
  EncodedEvents events(append.stream, append.time_ms, append.events);
  const std::size_t size_bytes = events.size_bytes();
  if (size_bytes > limits_.append_bytes_max) {
    return fail(Code::invalid_argument, "an append to stream " + std::string(append.stream) + " has " +
                                            number(size_bytes) + " bytes and may have " +
                                            number(limits_.append_bytes_max) + "; split it");
  }
  HeadTable::Pin own_head;
  HeadTable::Pin& head = append.chain != nullptr ? append.chain->head : own_head;
  if (!head.is_set()) {
    auto pin = heads_.pin(append.stream);
    if (!pin) return std::unexpected(std::move(pin.error()));
    head = *std::move(pin);
  }

  const std::size_t before = queued_bytes_.fetch_add(size_bytes, std::memory_order_relaxed);
  // An empty queue takes any append, so that the two limits cannot contradict each other.
  if (before != 0 && before + size_bytes > limits_.queue_bytes_max) {
    queued_bytes_.fetch_sub(size_bytes, std::memory_order_relaxed);
    return fail(Code::resource_exhausted, queue_.name() + " is full (" + number(before) + " bytes waiting of " +
                                              number(limits_.queue_bytes_max) + "); retry with backoff");
  }
  auto pushed = queue_.push(
      Pending{std::move(own_head), std::move(append.chain), append.expected, std::move(events), &sink, append.tag});
  if (!pushed) queued_bytes_.fetch_sub(size_bytes, std::memory_order_relaxed);
  return pushed;
}

void Committer::run() {
  ::pthread_setname_np(::pthread_self(), "committer");
  base::run_promptly();
  while (queue_.wait_all(taken_)) {
    for (std::size_t begin = 0; begin < taken_.size();) {
      const std::size_t end = batch_end(begin);
      commit(std::span(taken_).subspan(begin, end - begin));
      begin = end;
    }
    taken_.clear();
  }
}

std::size_t Committer::batch_end(std::size_t begin) const {
  std::size_t bytes = 0;
  std::size_t events = 0;
  std::size_t end = begin;
  while (end < taken_.size()) {
    bytes += taken_[end].events.size_bytes();
    events += taken_[end].events.count();
    if (end != begin && (bytes > limits_.batch_bytes_max || events > limits_.batch_events_max)) break;
    ++end;
  }
  return end;
}

base::Result<Appended> Committer::place(Pending& pending, model::GlobalPosition& next) {
  HeadTable::Pin& head = pending.head();
  const std::uint64_t version = head.version();
  if (pending.chain != nullptr && pending.chain->broken.load()) {
    return fail(Code::aborted,
                "stream " + std::string(head.stream()) +
                    ": an earlier append, on which this one rests, was not stored; read it again and decide anew");
  }
  if (!pending.expected.accepts(version)) {
    if (pending.chain != nullptr) pending.chain->broken.store(true);
    return fail(Code::aborted, "stream " + std::string(head.stream()) + " is at version " + number(version) +
                                   ", not at the expected " + number(pending.expected.version()) +
                                   "; read it again and decide anew");
  }
  const Appended appended{next, version, pending.events.count()};
  placed_.push_back({&head.stream(), head.hash(), &pending.events, next, version});
  next += appended.count;
  head.set_version(version + appended.count);
  return appended;
}

void Committer::commit(std::span<Pending> batch) {
  placed_.clear();
  results_.clear();
  model::GlobalPosition next = head();
  base::Result<> written = poison_.check();
  if (written) {
    // What the next ones need comes up from memory meanwhile.
    constexpr std::size_t apart = 4;
    for (std::size_t index = 0; index < batch.size(); ++index) {
      if (index + 2 * apart < batch.size()) __builtin_prefetch(batch[index + 2 * apart].chain.get());
      if (index + apart < batch.size()) batch[index + apart].head().fetch();
      results_.push_back(place(batch[index], next));
    }
    // A batch in which nothing passed rests on what is durable already.
    if (!placed_.empty()) {
      try {
        written = target_.write(placed_);
      } catch (const std::exception& error) {
        written = fail(Code::internal, std::string("writing events failed: ") + error.what());
      }
      if (!written) {
        poison_.set(written.error().message);
        written = poison_.check();
      } else {
        target_.publish(placed_, next);
        head_.store(next, std::memory_order_release);
      }
    }
  }
  std::size_t bytes = 0;
  for (std::size_t index = 0; index < batch.size(); ++index) {
    // A wrong version found on top of events that were not stored means nothing: all of the batch fails alike.
    base::Result<Appended> result = written ? std::move(results_[index]) : std::unexpected(written.error());
    outcomes_of(batch[index].sink).push_back({batch[index].tag, std::move(result)});
    batch[index].own_head.release();
    bytes += batch[index].events.size_bytes();
  }
  queued_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  deliver_outcomes();
  if (written && !placed_.empty()) tell_listeners(next);
}

void Committer::tell_listeners(model::GlobalPosition head) {
  // The heads of these appends may be others' by now: nothing here looks at `placed.stream`.
  const auto show = [this](EventVisitor visit) {
    for (const PlacedAppend& placed : placed_) {
      model::EventView event;
      event.global_position = placed.first_global_position;
      event.position = placed.first_position;
      bool go_on = true;
      placed.events->for_each([&](std::string_view body) {
        go_on = go_on && read_body(body, event) == nullptr && visit(event);
        ++event.global_position;
        ++event.position;
      });
      if (!go_on) return;
    }
  };
  listeners_.call({head, show});
}

std::vector<AppendOutcome>& Committer::outcomes_of(AppendSink* sink) {
  // Neighbours in a batch often share their sink.
  if (sinks_used_ > 0 && sinks_[last_sink_].sink == sink) return sinks_[last_sink_].outcomes;
  const auto [place, is_new] = sink_places_.try_emplace(sink, sinks_used_);
  if (is_new) {
    if (sinks_used_ == sinks_.size()) sinks_.emplace_back();
    sinks_[sinks_used_++].sink = sink;
  }
  last_sink_ = place->second;
  return sinks_[last_sink_].outcomes;
}

void Committer::deliver_outcomes() {
  for (std::size_t index = 0; index < sinks_used_; ++index) {
    SinkOutcomes& group = sinks_[index];
    group.sink->on_appended(group.outcomes);
    group.outcomes.clear();
  }
  sinks_used_ = 0;
  sink_places_.clear();
  if (sinks_.size() > kept_sinks_max) sinks_.resize(kept_sinks_max);
}

}  // namespace thalo::store
