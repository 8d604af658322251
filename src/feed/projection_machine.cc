#include "feed/projection_machine.h"

#include <algorithm>

#include "base/counted.h"
#include "store/stream_hash.h"

namespace thalo::feed {
namespace {

using base::Code;

// Read ahead of what members can take.
constexpr std::size_t unsent_events_max = 10'000;
constexpr std::size_t unsent_bytes_max = std::size_t{4} << 20;
// Events between the cursor and where it has read: those behind a member that does not acknowledge.
constexpr std::size_t entries_max = 500'000;
// Of the batches that they stand in, which are kept as a whole.
constexpr std::size_t kept_bytes_max = std::size_t{64} << 20;
// A batch of which less than an eighth matters here is not kept for that: so what is unsent and what is in a member's
// window keep 64 MiB at most, too.
constexpr std::size_t kept_share_min = 8;

Selection worth_keeping(Selection selection) {
  if (selection.size_bytes() * kept_share_min >= selection.batch->size_bytes()) return selection;
  auto own = std::make_shared<EventBatch>(selection.batch->begin());
  selection.indexes.for_each([&](std::uint32_t index) { own->add(selection.batch->event(index)); });
  own->set_next(selection.batch->next());
  return {std::move(own), Indexes(0, selection.indexes.size())};
}

}  // namespace

ProjectionMachine::ProjectionMachine(const ProjectionPlace& place)
    : policy_(place.policy), paused_(place.paused), resets_(place.resets), read_position_(place.cursor) {
  for (const HeldStream& info : place.held) {
    Held& held = held_[info.stream];
    held.info = info;
    held.slot = slot_of(store::share_hash(info.stream));
    // How far it was passed by is not kept: at most up to the cursor, when that is past it.
    held.last_behind = std::max(info.global_position, place.cursor == 0 ? 0 : place.cursor - 1);
  }
}

// --- members ---

ProjectionMachine::Member* ProjectionMachine::find(MemberId member) {
  for (const auto& candidate : members_)
    if (candidate->id == member) return candidate.get();
  return nullptr;
}

void ProjectionMachine::join(MemberId member, Window window) {
  spread_runs();
  members_.push_back(std::make_unique<Member>(Member{.id = member, .window = window}));
  share_out();
  pump();
}

void ProjectionMachine::leave(MemberId member) {
  const auto found = std::ranges::find(members_, member, [](const auto& candidate) { return candidate->id; });
  if (found == members_.end()) return;
  spread_runs();
  take_back(**found);
  slots_.release(member);
  members_.erase(found);
  if (members_.empty()) {
    // Nothing is kept for a projection that nobody works for: it reads again from its cursor.
    for (auto& [stream, held] : held_) set_idle(held);
    read_position_ = cursor();
    first_entry_ += entries_.size();
    first_chunk_ += chunks_.size();
    entries_.clear();
    chunks_.clear();
    waiting_.clear();
    unsent_ = unsent_bytes_ = kept_bytes_ = 0;
  }
  share_out();
  pump();
}

void ProjectionMachine::stop(MemberId member, base::Error reason) {
  leave(member);
  actions_.stops.emplace_back(member, std::move(reason));
}

// Everything the member has not finished waits for another one.
void ProjectionMachine::take_back(Member& member) {
  for (Sent& sent : member.sent) {
    if (sent.finished) continue;
    if (sent.held != nullptr) {
      if (sent.held->phase != Phase::idle) set_idle(*sent.held);
      continue;
    }
    entry(sent.entry).state = EntryState::unsent;
    ++unsent_;
    unsent_bytes_ += sent.size_bytes;
    waiting_[sent.slot].push_back(sent.entry);
  }
  for (const EntryId id : member.ready) waiting_[entry(id).slot].push_back(id);
}

void ProjectionMachine::share_out() {
  std::vector<MemberId> ids;
  for (const auto& member : members_) ids.push_back(member->id);
  slots_.share_among(ids);
  for (const auto& member : members_) {
    std::erase_if(member->ready, [&](EntryId id) {
      const Slot slot = entry(id).slot;
      if (slots_.receiver(slot) == member->id) return false;
      waiting_[slot].push_back(id);
      return true;
    });
  }
  flush_waiting();
}

// Hands events whose slots have a receiver to it, oldest first.
void ProjectionMachine::flush_waiting() {
  must_flush_ = false;
  std::vector<Member*> touched;
  std::erase_if(waiting_, [&](auto& waiting) {
    Member* const receiver = find(slots_.receiver(waiting.first));
    if (receiver == nullptr) return false;
    receiver->ready.insert(receiver->ready.end(), waiting.second.begin(), waiting.second.end());
    touched.push_back(receiver);
    return true;
  });
  std::ranges::sort(touched);
  touched.erase(std::ranges::unique(touched).begin(), touched.end());
  for (Member* const member : touched) std::ranges::sort(member->ready);
}

void ProjectionMachine::route(EntryId id, Slot slot) {
  if (Member* const receiver = find(slots_.receiver(slot))) {
    receiver->ready.push_back(id);
  } else {
    waiting_[slot].push_back(id);
  }
}

std::uint64_t ProjectionMachine::unacknowledged(MemberId member) const {
  for (const auto& candidate : members_)
    if (candidate->id == member) return candidate->unfinished;
  return 0;
}

// --- the live lane ---

bool ProjectionMachine::wants_events() const {
  return !members_.empty() && !paused_ && !is_full() && unsent_ < unsent_events_max &&
         unsent_bytes_ < unsent_bytes_max && entries_.size() < entries_max && kept_bytes_ < kept_bytes_max;
}

void ProjectionMachine::take_events(Selection selection, model::GlobalPosition next) {
  read_position_ = next;
  if (selection.indexes.empty()) return;
  selection = worth_keeping(std::move(selection));
  in_runs_ = in_runs_ || may_begin_runs();
  if (in_runs_) return take_run(std::move(selection));
  EntryId id = first_entry_ + entries_.size();
  add_entries(selection.batch, selection.indexes, EntryState::unsent);
  selection.indexes.for_each([&](std::uint32_t index) {
    unsent_bytes_ += selection.batch->event_size_bytes(index);
    route(id, entry(id).slot);
    ++id;
  });
  unsent_ += selection.indexes.size();
  pump();
}

void ProjectionMachine::add_entries(const SharedBatch& batch, const Indexes& indexes, EntryState state) {
  if (!chunks_.empty() && chunks_.back().batch == batch) {
    chunks_.back().unfinished += indexes.size();
  } else {
    chunks_.push_back({batch, indexes.size()});
    kept_bytes_ += batch->size_bytes();
  }
  const std::uint64_t chunk = first_chunk_ + chunks_.size() - 1;
  indexes.for_each([&](std::uint32_t index) {
    entries_.push_back({batch->position(index), chunk, index, slot_of(batch->share_hash(index)), state});
  });
}

void ProjectionMachine::finish_entry(EntryId id) {
  Entry& done = entry(id);
  done.state = EntryState::done;
  Chunk& chunk = chunks_[done.chunk - first_chunk_];
  if (--chunk.unfinished > 0) return;
  kept_bytes_ -= chunk.batch->size_bytes();
  chunk.batch.reset();
}

void ProjectionMachine::advance_cursor() {
  while (!entries_.empty() && entries_.front().state == EntryState::done) {
    entries_.pop_front();
    ++first_entry_;
  }
  while (!chunks_.empty() && chunks_.front().unfinished == 0) {
    chunks_.pop_front();
    ++first_chunk_;
  }
}

model::GlobalPosition ProjectionMachine::cursor() const {
  if (in_runs_) {
    const auto event = first_unfinished();
    return event ? event->global_position : read_position_;
  }
  return entries_.empty() ? read_position_ : entries_.front().position;
}

std::optional<model::EventView> ProjectionMachine::first_unfinished() const {
  if (!sent_runs_.empty()) {
    const Selection& first = sent_runs_.front().delivery.selections().front();
    return first.batch->event(first.indexes.front());
  }
  if (!runs_.empty()) return runs_.front().batch->event(runs_.front().indexes[runs_.front().next]);
  if (entries_.empty()) return std::nullopt;
  return batch_of(entries_.front()).event(entries_.front().index);
}

// --- commands ---

void ProjectionMachine::set_policy(const FailurePolicy& policy) {
  if (policy == policy_) return;
  policy_ = policy;
  ++changes_;
  pump();
}

void ProjectionMachine::pause() {
  if (!paused_) ++changes_;
  paused_ = true;
}

void ProjectionMachine::resume() {
  if (paused_) ++changes_;
  paused_ = false;
  pump();
}

void ProjectionMachine::reset(model::GlobalPosition position) {
  for (const auto& member : members_) {
    member->ready.clear();
    member->sent.clear();
    member->unfinished = member->unfinished_bytes = 0;
    member->ascending = true;
  }
  slots_.forget_unfinished();
  in_runs_ = false;
  runs_.clear();
  sent_runs_.clear();
  first_entry_ += entries_.size();
  first_chunk_ += chunks_.size();
  entries_.clear();
  chunks_.clear();
  waiting_.clear();
  held_.clear();
  unsent_ = unsent_bytes_ = kept_bytes_ = trying_ = sending_ = 0;
  read_position_ = position;
  ++resets_;
  ++changes_;
}

ProjectionPlace ProjectionMachine::place() const {
  ProjectionPlace place{.cursor = cursor(), .paused = paused_, .resets = resets_, .policy = policy_};
  for (const auto& [stream, held] : held_) place.held.push_back(held.info);
  std::ranges::sort(place.held, {}, &HeldStream::global_position);
  return place;
}

std::string ProjectionMachine::stopped() const {
  if (is_full()) {
    const auto parked =
        std::ranges::count_if(held_, [](const auto& held) { return held.second.info.state == HeldState::parked; });
    return base::counted(held_.size(), "stream") + (held_.size() == 1 ? " is held (" : " are held (") +
           std::to_string(parked) + " of them parked) and there may be " + std::to_string(policy_.parked_streams_max) +
           "; retry them, or skip events that can never be handled";
  }
  const bool holds_up_others =
      members_.size() > 1 && !paused_ && !wants_events() && std::ranges::any_of(members_, [](const auto& member) {
        return member->unfinished == 0 && member->ready.empty();
      });
  const bool is_kept_too_much = entries_.size() >= entries_max || kept_bytes_ >= kept_bytes_max;
  if (is_kept_too_much || holds_up_others) {
    return std::to_string(is_kept_too_much ? entries_.size() : unsent_) +
           " events wait for the acknowledgement of the event at global position " + std::to_string(cursor()) +
           "; end the member that has it, or let it acknowledge";
  }
  return {};
}

}  // namespace thalo::feed
