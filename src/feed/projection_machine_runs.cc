// ProjectionMachine: the live lane in runs.
#include <algorithm>

#include "feed/projection_machine.h"

namespace thalo::feed {
bool ProjectionMachine::may_begin_runs() const {
  if (members_.size() != 1 || !held_.empty() || !entries_.empty() || !waiting_.empty()) return false;
  return members_.front()->sent.empty() && members_.front()->ready.empty();
}

void ProjectionMachine::take_run(Selection selection) {
  const std::size_t size_bytes = selection.size_bytes();
  unsent_ += selection.indexes.size();
  unsent_bytes_ += size_bytes;
  runs_.push_back({std::move(selection.batch), std::move(selection.indexes), 0, size_bytes});
  pump();
}

// As much of the run as fits into a delivery and into the member's window; returns its bytes.
std::size_t ProjectionMachine::take_of_run(Member& member, Run& run, std::size_t events_max, std::size_t bytes_max,
                                           Selection& taken) {
  const std::size_t rest = run.indexes.size() - run.next;
  std::size_t end = run.next;
  std::size_t bytes = 0;
  if (rest <= events_max && run.size_bytes <= bytes_max && member.unfinished + rest <= member.window.events &&
      member.unfinished_bytes + run.size_bytes <= member.window.bytes) {
    end += rest;
    bytes = run.size_bytes;
  }
  for (; end < run.indexes.size() && end - run.next < events_max && bytes < bytes_max; ++end) {
    const std::size_t events = member.unfinished + (end - run.next);
    const std::size_t size_bytes = run.batch->event_size_bytes(run.indexes[end]);
    if (events >= member.window.events) break;
    if (events > 0 && member.unfinished_bytes + bytes + size_bytes > member.window.bytes) break;
    bytes += size_bytes;
  }
  taken = {run.batch, run.indexes.part(run.next, end - run.next)};
  member.unfinished += end - run.next;
  member.unfinished_bytes += bytes;
  unsent_ -= end - run.next;
  unsent_bytes_ -= bytes;
  run.size_bytes -= bytes;
  run.next = end;
  return bytes;
}

void ProjectionMachine::send_runs(Member& member) {
  for (;;) {
    std::vector<Selection> selections;
    std::size_t events = 0;
    std::size_t bytes = 0;
    while (!runs_.empty() && events < delivery_events_max && bytes < delivery_bytes_max) {
      Selection taken;
      bytes += take_of_run(member, runs_.front(), delivery_events_max - events, delivery_bytes_max - bytes, taken);
      if (taken.indexes.empty()) break;
      events += taken.indexes.size();
      selections.push_back(std::move(taken));
      if (runs_.front().next == runs_.front().indexes.size()) runs_.pop_front();
    }
    if (selections.empty()) return;
    Delivery delivery(++member.last_delivery, member.failures, std::move(selections));
    member.sent_end = std::max(member.sent_end, delivery.last_position() + 1);
    actions_.deliveries.emplace_back(member.id, delivery);
    sent_runs_.push_back({std::move(delivery), bytes});
  }
}

// False: it is not about whole deliveries.
bool ProjectionMachine::acknowledge_runs(Member& member, std::optional<std::uint64_t> number,
                                         model::GlobalPosition position) {
  if (!number || *number == 0 || *number > member.last_delivery) return false;
  const std::uint64_t first = sent_runs_.empty() ? member.last_delivery + 1 : sent_runs_.front().delivery.number();
  if (*number < first) return true;  // acknowledged before
  const auto last = sent_runs_.begin() + static_cast<std::ptrdiff_t>(*number - first);
  if (last->delivery.last_position() != position) return false;
  for (auto sent = sent_runs_.begin(); sent <= last; ++sent) {
    member.unfinished -= sent->delivery.size();
    member.unfinished_bytes -= sent->size_bytes;
  }
  sent_runs_.erase(sent_runs_.begin(), last + 1);
  return true;
}

void ProjectionMachine::spread_runs() {
  if (!std::exchange(in_runs_, false)) return;
  Member& member = *members_.front();
  member.unfinished = member.unfinished_bytes = 0;
  const std::uint64_t last_delivery = member.last_delivery;
  for (const SentRuns& sent : std::exchange(sent_runs_, {})) {
    member.last_delivery = sent.delivery.number();
    for (const Selection& selection : sent.delivery.selections()) {
      EntryId id = first_entry_ + entries_.size();
      add_entries(selection.batch, selection.indexes, EntryState::sent);
      selection.indexes.for_each([&](std::uint32_t index) {
        note_sent(member, *selection.batch, index, id, nullptr, entry(id).slot);
        ++id;
      });
    }
  }
  member.last_delivery = last_delivery;
  for (const Run& run : std::exchange(runs_, {})) {
    EntryId id = first_entry_ + entries_.size();
    const Indexes left = run.indexes.part(run.next, run.indexes.size() - run.next);
    add_entries(run.batch, left, EntryState::unsent);
    for (std::size_t place = 0; place < left.size(); ++place) member.ready.push_back(id++);
  }
}

}  // namespace thalo::feed
