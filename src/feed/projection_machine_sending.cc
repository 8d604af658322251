// ProjectionMachine: what is sent to members, and what they say about it.
#include <algorithm>

#include "feed/projection_machine.h"

namespace thalo::feed {
namespace {

using base::Code;

void add(std::vector<Selection>& selections, const SharedBatch& batch, std::uint32_t index) {
  if (selections.empty() || selections.back().batch != batch) selections.push_back({batch, {}});
  selections.back().indexes.push_back(index);
}

}  // namespace

void ProjectionMachine::pump() {
  if (must_flush_) flush_waiting();
  if (!paused_) {
    for (const auto& member : members_) pump(*member);
  }
  advance_cursor();
}

void ProjectionMachine::pump(Member& member) {
  if (in_runs_) return send_runs(member);
  if (sending_ > 0) {
    for (auto& [stream, held] : held_) {
      if (held.phase == Phase::sending && slots_.receiver(held.slot) == member.id) send_held(member, held);
    }
  }
  if (!is_full()) send_live(member);
}

bool ProjectionMachine::has_room(const Member& member, std::size_t size_bytes) const {
  return member.unfinished < member.window.events &&
         (member.unfinished == 0 || member.unfinished_bytes + size_bytes <= member.window.bytes);
}

void ProjectionMachine::note_sent(Member& member, const EventBatch& batch, std::uint32_t index, EntryId entry,
                                  Held* held, Slot slot) {
  const model::GlobalPosition position = batch.position(index);
  const auto size_bytes = static_cast<std::uint32_t>(batch.event_size_bytes(index));
  member.ascending = member.sent.empty() || (member.ascending && position > member.sent.back().position);
  member.sent.push_back({member.last_delivery, position, entry, held, size_bytes, slot, false});
  member.sent_end = std::max(member.sent_end, position + 1);
  ++member.unfinished;
  member.unfinished_bytes += size_bytes;
  slots_.sent(slot);
}

void ProjectionMachine::send_held(Member& member, Held& held) {
  std::vector<Selection> selections;
  while (held.loaded_next < held.loaded_end) {
    const auto index = static_cast<std::uint32_t>(held.loaded_next);
    if (!has_room(member, held.loaded->event_size_bytes(index))) break;
    if (selections.empty()) ++member.last_delivery;
    add(selections, held.loaded, index);
    note_sent(member, *held.loaded, index, index, &held, held.slot);
    ++held.loaded_next;
    ++held.unfinished;
  }
  if (!selections.empty())
    actions_.deliveries.emplace_back(member.id, Delivery(member.last_delivery, member.failures, selections));
}

void ProjectionMachine::send_live(Member& member) {
  for (;;) {
    std::vector<Selection> selections;
    std::size_t events = 0;
    std::size_t bytes = 0;
    while (!member.ready.empty() && events < delivery_events_max && bytes < delivery_bytes_max) {
      const EntryId id = member.ready.front();
      Entry& next = entry(id);
      const SharedBatch& batch = chunks_[next.chunk - first_chunk_].batch;
      const std::size_t size_bytes = batch->event_size_bytes(next.index);
      if (!held_.empty() && pass_by_if_held(id)) {
        member.ready.pop_front();
        continue;
      }
      if (!has_room(member, size_bytes)) break;
      if (selections.empty()) ++member.last_delivery;
      add(selections, batch, next.index);
      note_sent(member, *batch, next.index, id, nullptr, next.slot);
      next.state = EntryState::sent;
      --unsent_;
      unsent_bytes_ -= size_bytes;
      member.ready.pop_front();
      ++events;
      bytes += size_bytes;
    }
    if (selections.empty()) return;
    actions_.deliveries.emplace_back(member.id, Delivery(member.last_delivery, member.failures, std::move(selections)));
  }
}

bool ProjectionMachine::pass_by_if_held(EntryId id) {
  const Entry& passed = entry(id);
  const auto found = held_.find(batch_of(passed).stream(passed.index));
  if (found == held_.end()) return false;
  found->second.last_behind = std::max(found->second.last_behind, passed.position);
  --unsent_;
  unsent_bytes_ -= batch_of(passed).event_size_bytes(passed.index);
  finish_entry(id);
  return true;
}

// --- acknowledgements ---

// Where in `sent` the event is. Absent without a refusal: it has been finished or withdrawn before.
std::optional<std::size_t> ProjectionMachine::place_of(const Member& member, std::optional<std::uint64_t> delivery,
                                                       model::GlobalPosition position, base::Error& refusal) const {
  if (!delivery) return newest_of(member, position, refusal);
  if (*delivery == 0 || *delivery > member.last_delivery) {
    refusal = {Code::failed_precondition, "batch " + std::to_string(*delivery) +
                                              " was not sent to this member, whose newest is batch " +
                                              std::to_string(member.last_delivery)};
    return std::nullopt;
  }
  const auto found = std::ranges::lower_bound(member.sent, std::pair(*delivery, position), {},
                                              [](const Sent& sent) { return std::pair(sent.delivery, sent.position); });
  if (found != member.sent.end() && found->delivery == *delivery && found->position == position)
    return static_cast<std::size_t>(found - member.sent.begin());
  // The front of `sent` is what is unfinished; what is before it was there.
  if (found == member.sent.begin()) return std::nullopt;
  refusal = {Code::failed_precondition, "the event at global position " + std::to_string(position) +
                                            " was not sent to this member in batch " + std::to_string(*delivery)};
  return std::nullopt;
}

std::optional<std::size_t> ProjectionMachine::newest_of(const Member& member, model::GlobalPosition position,
                                                        base::Error& refusal) const {
  if (member.ascending) {
    const auto found = std::ranges::lower_bound(member.sent, position, {}, &Sent::position);
    if (found != member.sent.end() && found->position == position)
      return static_cast<std::size_t>(found - member.sent.begin());
  } else {
    for (std::size_t place = member.sent.size(); place > 0; --place)
      if (member.sent[place - 1].position == position) return place - 1;
  }
  if (position >= member.sent_end) {
    refusal = {Code::failed_precondition,
               "the event at global position " + std::to_string(position) + " was not sent to this member yet" +
                   (member.sent_end == 0 ? std::string(": nothing was")
                                         : "; the newest is at " + std::to_string(member.sent_end - 1))};
    return std::nullopt;
  }
  const auto entry = std::ranges::lower_bound(entries_, position, {}, &Entry::position);
  if (entry != entries_.end() && entry->position == position && entry->state == EntryState::sent) {
    refusal = {Code::failed_precondition,
               "the event at global position " + std::to_string(position) + " was sent to another member"};
  }
  return std::nullopt;
}

void ProjectionMachine::acknowledge(MemberId id, std::optional<std::uint64_t> delivery,
                                    model::GlobalPosition position) {
  Member* const member = find(id);
  if (member == nullptr) return;
  if (in_runs_ && acknowledge_runs(*member, delivery, position)) return pump();
  spread_runs();
  base::Error refusal;
  const auto place = place_of(*member, delivery, position, refusal);
  if (!refusal.message.empty()) return stop(id, std::move(refusal));
  if (!place) return;
  for (std::size_t index = 0; index <= *place; ++index)
    if (!member->sent[index].finished) finish(*member, member->sent[index]);
  member->sent.erase(member->sent.begin(), member->sent.begin() + static_cast<std::ptrdiff_t>(*place) + 1);
  drop_finished(*member);
  pump();
}

void ProjectionMachine::fail(MemberId id, std::optional<std::uint64_t> delivery, model::GlobalPosition position,
                             std::string reason, std::int64_t now_ms) {
  Member* const member = find(id);
  if (member == nullptr) return;
  spread_runs();
  ++member->failures;
  base::Error refusal;
  const auto place = place_of(*member, delivery, position, refusal);
  if (!refusal.message.empty()) return stop(id, std::move(refusal));
  if (!place || member->sent[*place].finished) return;
  if (member->sent[*place].held != nullptr) {
    fail_held(*member, *place, std::move(reason), now_ms);
  } else if (is_full()) {
    return stop(id, {Code::resource_exhausted, "the event at global position " + std::to_string(position) +
                                                   " failed, and no further stream can be held: " + stopped()});
  } else {
    fail_live(*member, *place, std::move(reason), now_ms);
  }
  drop_finished(*member);
  pump();
}

void ProjectionMachine::withdraw(Member& member, Sent& sent) {
  sent.finished = true;
  --member.unfinished;
  member.unfinished_bytes -= sent.size_bytes;
  if (sent.held != nullptr) {
    --sent.held->unfinished;
  } else {
    finish_entry(sent.entry);
  }
  if (slots_.finished(sent.slot)) must_flush_ = true;
}

void ProjectionMachine::finish(Member& member, Sent& sent) {
  withdraw(member, sent);
  if (sent.held == nullptr) return;
  Held& held = *sent.held;
  const auto index = static_cast<std::size_t>(sent.entry);
  held.info.position = held.loaded->event(index).position + 1;
  held.info.global_position =
      index + 1 < held.loaded_end ? held.loaded->position(index + 1) : held.loaded->position(index) + 1;
  held.info.attempts = 0;
  ++changes_;
  if (held.unfinished == 0 && held.loaded_next == held.loaded_end) go_on_after(held);
}

void ProjectionMachine::drop_finished(Member& member) {
  while (!member.sent.empty() && member.sent.front().finished) member.sent.pop_front();
}

}  // namespace thalo::feed
