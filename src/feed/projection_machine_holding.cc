// ProjectionMachine: streams that are held because an event of theirs failed.
#include <algorithm>

#include "base/json.h"
#include "feed/projection_machine.h"

namespace thalo::feed {
namespace {

using base::Code;

constexpr std::size_t error_bytes_max = 300;
// Held streams that are tried at once, and events of one that are read at once.
constexpr std::size_t trying_max = 16;
constexpr std::size_t read_events_max = 256;

std::string shortened(std::string reason) {
  if (reason.size() > error_bytes_max) {
    std::size_t end = error_bytes_max;
    while (end > 0 && (static_cast<unsigned char>(reason[end]) & 0xC0) == 0x80) --end;  // not within a character
    reason.resize(end);
  }
  return base::is_utf8(reason) ? reason : "(the reason is not UTF-8)";
}

std::int64_t pause_ms(const FailurePolicy& policy, std::uint32_t attempts) {
  std::int64_t pause = policy.backoff_first.count();
  const std::int64_t longest = policy.backoff_max.count();
  for (std::uint32_t doubled = 1; doubled < attempts && pause < longest && pause > 0; ++doubled) pause *= 2;
  return std::min(pause, longest);
}

}  // namespace

void ProjectionMachine::note_failure(Held& held, const model::EventView& event, std::string reason,
                                     std::int64_t now_ms) {
  HeldStream& info = held.info;
  info.position = event.position;
  info.global_position = event.global_position;
  if (info.attempts == 0) info.first_failed_ms = now_ms;
  if (info.attempts < UINT32_MAX) ++info.attempts;
  info.error = shortened(std::move(reason));
  info.last_failed_ms = now_ms;
  const bool given_up = policy_.attempts_max != 0 && info.attempts >= policy_.attempts_max;
  info.state = given_up ? HeldState::parked : HeldState::retrying;
  info.retry_at_ms = given_up ? 0 : now_ms + pause_ms(policy_, info.attempts);
  ++changes_;
}

void ProjectionMachine::fail_live(Member& member, std::size_t place, std::string reason, std::int64_t now_ms) {
  const Entry failed = entry(member.sent[place].entry);
  const SharedBatch batch = chunks_[failed.chunk - first_chunk_].batch;
  const model::EventView event = batch->event(failed.index);
  Held& held = held_[std::string(event.stream)];
  held.info.stream = event.stream;
  held.slot = failed.slot;
  held.last_behind = failed.position;
  for (Sent& sent : member.sent) {
    if (sent.finished || sent.held != nullptr || sent.slot != failed.slot) continue;
    const Entry& other = entry(sent.entry);
    if (batch_of(other).stream(other.index) != event.stream) continue;
    held.last_behind = std::max(held.last_behind, sent.position);
    withdraw(member, sent);
  }
  note_failure(held, event, std::move(reason), now_ms);
}

void ProjectionMachine::fail_held(Member& member, std::size_t place, std::string reason, std::int64_t now_ms) {
  Held& held = *member.sent[place].held;
  const model::GlobalPosition position = member.sent[place].position;
  const SharedBatch loaded = held.loaded;
  const model::EventView event = loaded->event(static_cast<std::size_t>(member.sent[place].entry));
  for (Sent& sent : member.sent) {
    if (sent.finished || sent.held != &held) continue;
    if (sent.position < position) {
      finish(member, sent);
    } else {
      withdraw(member, sent);
    }
  }
  set_idle(held);
  note_failure(held, event, std::move(reason), now_ms);
}

void ProjectionMachine::set_idle(Held& held) {
  if (held.phase != Phase::idle) --trying_;
  if (held.phase == Phase::sending) --sending_;
  held.phase = Phase::idle;
  held.token = 0;
  held.loaded.reset();
  held.loaded_next = held.loaded_end = held.unfinished = 0;
}

void ProjectionMachine::start_trying(Held& held) {
  set_idle(held);
  ++trying_;
  held.phase = Phase::reading;
  held.asked_behind = held.last_behind;
  held.token = ++last_token_;
  // An event that failed is tried alone; once it is done, those behind it go on together.
  actions_.reads.push_back(
      {held.info.stream, held.info.position, held.info.attempts > 0 ? 1 : read_events_max, held.token});
}

void ProjectionMachine::let_go(Held& held) {
  set_idle(held);
  ++changes_;
  held_.erase(held_.find(held.info.stream));
}

void ProjectionMachine::go_on_after(Held& held) {
  if (held.info.global_position > held.last_behind) return let_go(held);
  start_trying(held);
}

void ProjectionMachine::take_stream_events(const StreamEvents& events) {
  const auto found = held_.find(events.stream);
  if (found == held_.end() || found->second.phase != Phase::reading || found->second.token != events.token) return;
  Held& held = found->second;
  std::size_t behind = 0;
  while (behind < events.events->size() && events.events->position(behind) <= held.last_behind) ++behind;
  if (behind == 0) {
    // An event that was passed by meanwhile was perhaps stored after the end was read.
    const bool is_all = events.at_end && held.last_behind == held.asked_behind;
    if (events.events->size() > 0 || is_all) {
      let_go(held);
    } else {
      held.info.position = events.next;
      start_trying(held);
    }
    return pump();
  }
  held.loaded = events.events;
  held.loaded_end = behind;
  held.phase = Phase::sending;
  ++sending_;
  held.info.position = held.loaded->event(0).position;
  held.info.global_position = held.loaded->position(0);
  ++changes_;
  pump();
}

void ProjectionMachine::tick(std::int64_t now_ms) {
  if (paused_ || members_.empty()) return;
  for (auto& [stream, held] : held_) {
    if (trying_ >= trying_max) return;
    if (held.phase == Phase::idle && held.info.state == HeldState::retrying && held.info.retry_at_ms <= now_ms)
      start_trying(held);
  }
}

std::optional<std::int64_t> ProjectionMachine::next_tick_ms() const {
  if (paused_ || members_.empty() || trying_ >= trying_max) return std::nullopt;
  std::optional<std::int64_t> next;
  for (const auto& [stream, held] : held_) {
    if (held.phase != Phase::idle || held.info.state != HeldState::retrying) continue;
    if (!next || held.info.retry_at_ms < *next) next = held.info.retry_at_ms;
  }
  return next;
}

bool ProjectionMachine::holds_until(model::GlobalPosition position) const {
  return std::ranges::any_of(held_, [&](const auto& held) { return held.second.info.global_position <= position; });
}

base::Result<std::uint64_t> ProjectionMachine::retry(std::string_view stream, std::int64_t now_ms) {
  std::uint64_t tried = 0;
  for (auto& [name, held] : held_) {
    if (!stream.empty() && name != stream) continue;
    ++tried;
    if (held.phase != Phase::idle) continue;
    held.info.state = HeldState::retrying;
    held.info.retry_at_ms = now_ms;
    ++changes_;
  }
  if (tried == 0 && !stream.empty())
    return base::fail(Code::not_found, "no stream " + std::string(stream) + " is held");
  tick(now_ms);
  return tried;
}

base::Result<> ProjectionMachine::skip(std::string_view stream, model::GlobalPosition position, std::int64_t now_ms) {
  const auto found = held_.find(stream);
  if (found == held_.end()) return base::fail(Code::not_found, "no stream " + std::string(stream) + " is held");
  Held& held = found->second;
  // Where an event is that has not failed is not known for certain.
  if (held.info.attempts == 0) {
    return base::fail(Code::failed_precondition, "the event that stream " + std::string(stream) +
                                                     " waits behind has not failed; retry the stream");
  }
  if (held.info.global_position != position) {
    return base::fail(Code::failed_precondition,
                      "the event that stream " + std::string(stream) + " waits behind is at global position " +
                          std::to_string(held.info.global_position) + ", not " + std::to_string(position));
  }
  if (held.phase != Phase::idle) {
    return base::fail(Code::failed_precondition, "the event at global position " + std::to_string(position) +
                                                     " is being tried right now; skip it when it has failed again");
  }
  ++held.info.position;
  ++held.info.global_position;
  held.info.attempts = 0;
  held.info.state = HeldState::retrying;
  held.info.retry_at_ms = now_ms;
  ++changes_;
  if (held.info.global_position > held.last_behind) let_go(held);
  tick(now_ms);
  pump();
  return {};
}

}  // namespace thalo::feed
