#include "feed/hosted_projection.h"

#include <algorithm>
#include <utility>

namespace thalo::feed {
namespace {

using base::Code;

constexpr std::chrono::milliseconds read_again_after{100};

}  // namespace

HostedProjection::HostedProjection(std::string name, ProjectionRecord record, Tail& tail, Loop& loop,
                                   ProjectionHost& host)
    : Reader(tail, record.filter, record.place.cursor),
      name_(std::move(name)),
      filter_(std::move(record.filter)),
      loop_(loop),
      tail_(tail),
      host_(host),
      machine_(record.place),
      unseen_types_(std::move(record.unseen_types)),
      noted_(machine_.cursor(), machine_.changes()) {}

// While the reader waits at the end, the end moves along under it.
void HostedProjection::follow_reader() {
  if (position() > machine_.read_position()) take({}, position());
}

void HostedProjection::take(Selection selection, model::GlobalPosition next) {
  skipped_ += next - machine_.read_position() - selection.indexes.size();
  machine_.take_events(std::move(selection), next);
}

void HostedProjection::join(const std::shared_ptr<MemberOutbox>& outbox, Window window, std::string description,
                            std::shared_ptr<Consumer> consumer) {
  const MemberId member = outbox->member();
  follow_reader();
  unreadable_.clear();
  consumer->on_joined(machine_.cursor());
  consumer->on_resets(machine_.resets(), machine_.cursor());
  members_.emplace(member, Link{std::move(description), std::move(consumer), outbox, true});
  outbox->set_patient(patient_);
  machine_.join(member, window);
  machine_.tick(now_ms());
  settle();
}

void HostedProjection::leave(MemberId member) {
  if (members_.erase(member) == 0) return;
  follow_reader();
  machine_.leave(member);
  settle();
}

void HostedProjection::stop_member(MemberId member, const base::Error& reason) {
  const auto found = members_.find(member);
  if (found == members_.end()) return;
  const auto consumer = found->second.consumer;
  leave(member);
  consumer->on_stopped(reason);
}

void HostedProjection::stop_members(const base::Error& reason) {
  follow_reader();
  for (auto& [member, link] : std::exchange(members_, {})) {
    machine_.leave(member);
    link.consumer->on_stopped(reason);
  }
  settle();
}

void HostedProjection::acknowledge(MemberId member, std::optional<std::uint64_t> delivery,
                                   model::GlobalPosition position) {
  machine_.acknowledge(member, delivery, position);
  settle();
}

void HostedProjection::fail(MemberId member, std::optional<std::uint64_t> delivery, model::GlobalPosition position,
                            std::string reason) {
  ++failures_;
  machine_.fail(member, delivery, position, std::move(reason), now_ms());
  settle();
}

void HostedProjection::take_stream_events(const StreamEvents& events) {
  machine_.take_stream_events(events);
  settle();
}

void HostedProjection::on_stretch(Stretch stretch) {
  if (!unseen_types_.empty()) note_seen(stretch.selection);
  reached_end_ = reached_end_ || stretch.at_end;
  take(std::move(stretch.selection), stretch.next);
  settle();
}

void HostedProjection::note_seen(const Selection& selection) {
  selection.indexes.for_each([&](std::uint32_t index) {
    if (const auto found = unseen_types_.find(selection.batch->event(index).type); found != unseen_types_.end())
      unseen_types_.erase(found);
  });
}

void HostedProjection::tell_unseen() {
  if (!reached_end_ || unseen_types_.empty()) return;
  const std::vector<std::string> types(unseen_types_.begin(), unseen_types_.end());
  for (auto& [member, link] : members_)
    if (!std::exchange(link.told_unseen, true)) link.consumer->on_unseen(types, machine_.cursor());
}

void HostedProjection::on_unreadable(const base::Error& error) {
  if (!error.retryable()) {
    unreadable_ = error.message;
    return stop_members(error);
  }
  loop_.after(read_again_after, [this, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) settle();
  });
}

// After every input: what the machine wants done, and what follows from where it is.
void HostedProjection::settle() {
  for (Actions actions = machine_.take_actions();
       !actions.deliveries.empty() || !actions.stops.empty() || !actions.reads.empty();
       actions = machine_.take_actions()) {
    carry_out(std::move(actions));
  }
  if (!machine_.has_members()) {
    move_to(machine_.read_position());  // and nothing is read for nobody
  } else if (machine_.wants_events() && unreadable_.empty()) {
    want();
  }
  schedule_tick();
  tell_patience();
  tell_unseen();
  const std::pair noted(machine_.cursor(), machine_.changes());
  if (noted != std::exchange(noted_, noted)) host_.note_changed(name_);
  answer_waiting();
}

void HostedProjection::tell_patience() {
  const bool patient = !machine_.waits_for_members() && waiting_.empty();
  if (patient == std::exchange(patient_, patient)) return;
  for (auto& [member, link] : members_) link.outbox->set_patient(patient);
}

void HostedProjection::carry_out(Actions actions) {
  for (auto& [member, delivery] : actions.deliveries) {
    const auto found = members_.find(member);
    if (found == members_.end()) continue;
    found->second.sent_since_heartbeat = true;
    delivered_ += delivery.size();
    found->second.consumer->on_events(delivery);
  }
  for (auto& [member, reason] : actions.stops) {
    const auto found = members_.find(member);
    if (found == members_.end()) continue;
    const auto consumer = std::move(found->second.consumer);
    members_.erase(found);
    consumer->on_stopped(reason);
  }
  for (StreamRead& read : actions.reads) host_.read_stream(name_, matcher(), std::move(read));
}

void HostedProjection::send_heartbeats() {
  if (members_.empty()) return;
  const model::GlobalPosition passed = cursor();
  for (auto& [member, link] : members_)
    if (!std::exchange(link.sent_since_heartbeat, false)) link.consumer->on_heartbeat(passed, tail_.head());
}

void HostedProjection::schedule_tick() {
  const auto next = machine_.next_tick_ms();
  if (!next || (tick_ms_ && *tick_ms_ <= *next)) return;
  tick_ms_ = *next;
  const auto pause = std::chrono::milliseconds(std::max<std::int64_t>(0, *next - now_ms()));
  loop_.after(pause, [this, at = *next, alive = std::weak_ptr(alive_)] {
    if (alive.expired()) return;
    if (tick_ms_ == at) tick_ms_.reset();
    machine_.tick(now_ms());
    settle();
  });
}

// --- commands ---

void HostedProjection::set_policy(const FailurePolicy& policy) {
  machine_.set_policy(policy);
  settle();
}

void HostedProjection::pause() {
  machine_.pause();
  for (const auto& [member, link] : members_) link.consumer->on_paused(true);
  settle();
}

void HostedProjection::resume() {
  machine_.resume();
  for (const auto& [member, link] : members_) link.consumer->on_paused(false);
  machine_.tick(now_ms());
  settle();
}

void HostedProjection::reset(model::GlobalPosition position) {
  machine_.reset(position);
  for (const auto& [member, link] : members_) link.consumer->on_resets(machine_.resets(), position);
  move_to(position);
  unreadable_.clear();
  settle();
}

base::Result<std::uint64_t> HostedProjection::retry(std::string_view stream) {
  auto tried = machine_.retry(stream, now_ms());
  if (stream.empty()) {
    for (const auto& [member, link] : members_) link.consumer->on_retry();
  }
  settle();
  return tried;
}

base::Result<> HostedProjection::skip(std::string_view stream, model::GlobalPosition position) {
  if (is_internal()) return skip_at_cursor(stream, position);
  auto skipped = machine_.skip(stream, position, now_ms());
  settle();
  return skipped;
}

// A relay never fails an event: it keeps the order of all of them and tries the first for as long as it takes.
base::Result<> HostedProjection::skip_at_cursor(std::string_view stream, model::GlobalPosition position) {
  follow_reader();
  const auto event = machine_.first_unfinished();
  if (!event) return base::fail(Code::failed_precondition, "projection " + name_ + " has no event in hand");
  if (event->stream != stream || event->global_position != position) {
    return base::fail(Code::failed_precondition, "projection " + name_ + " is at event " +
                                                     std::to_string(event->global_position) + " of stream " +
                                                     std::string(event->stream) + "; only that one can be skipped");
  }
  reset(position + 1);
  return {};
}

// --- waiting ---

void HostedProjection::wait_for(Waiting waiting) {
  waiting_.push_back(std::move(waiting));
  answer_waiting();
  tell_patience();
}

void HostedProjection::answer_waiting() {
  if (waiting_.empty()) return;
  const model::GlobalPosition passed = cursor();
  const auto now = loop_.clock().steady_now();
  std::erase_if(waiting_, [&](Waiting& waiting) {
    if (passed > waiting.position) {
      waiting.answer(Projections::Passed{passed, machine_.holds_until(waiting.position)});
      return true;
    }
    if (waiting.is_gone && waiting.is_gone()) {
      waiting.answer(base::fail(Code::cancelled, "nobody waits any more"));
      return true;
    }
    if (now < waiting.deadline) return false;
    waiting.answer(base::fail(Code::deadline_exceeded, "projection " + name_ + " has not passed global position " +
                                                           std::to_string(waiting.position) +
                                                           " yet; everything before " + std::to_string(passed) +
                                                           " is done" +
                                                           (members_.empty() ? "; nobody is connected to it" : "")));
    return true;
  });
}

void HostedProjection::stop_waiting(const base::Error& reason) {
  for (Waiting& waiting : std::exchange(waiting_, {})) waiting.answer(std::unexpected(reason));
}

// --- showing ---

model::GlobalPosition HostedProjection::cursor() {
  follow_reader();
  return machine_.cursor();
}

ProjectionRecord HostedProjection::record() {
  follow_reader();
  return {filter_, machine_.place(), unseen_types_};
}

ProjectionDescription HostedProjection::describe() {
  follow_reader();
  ProjectionDescription out{.name = name_, .filter = filter_};
  ProjectionPlace place = machine_.place();
  out.policy = place.policy;
  out.cursor = place.cursor;
  out.head = std::max(tail_.head(), place.cursor);
  out.lag_events = out.head - out.cursor;
  if (const auto event = machine_.first_unfinished(); event)
    out.lag_ms = std::max<std::int64_t>(0, now_ms() - event->time_ms);
  out.paused = place.paused;
  out.stopped = unreadable_.empty() ? machine_.stopped() : unreadable_;
  for (const auto& [member, link] : members_)
    out.members.push_back({link.description, machine_.unacknowledged(member)});
  out.held = std::move(place.held);
  for (const std::string& type : unseen_types_) out.unseen.push_back("type " + type);
  out.delivered = delivered_;
  out.failures = failures_;
  out.skipped = skipped_;
  return out;
}

}  // namespace thalo::feed
