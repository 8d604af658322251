#include "feed/tail.h"

#include <algorithm>
#include <utility>

#include "model/stream_name.h"

namespace thalo::feed {
namespace {

// A selection that has less than this part of a batch's bytes is copied out, so that it does not keep the rest alive.
constexpr std::size_t sparse_part = 4;
// Readers that are served before those who wait for them are woken.
constexpr std::size_t held_wake_ups_max = 64;

Selection select(const SharedBatch& batch, const Matcher& matcher, model::GlobalPosition from) {
  if (matcher.matches_everything() && batch->begin() >= from) return {batch, Indexes(0, batch->size())};
  Selection selection{batch, {}};
  std::size_t bytes = 0;
  for (std::size_t index = 0; index < batch->size(); ++index) {
    if (batch->position(index) < from) continue;
    if (!matcher.matches_everything() && !matcher.matches(batch->event(index))) continue;
    selection.indexes.push_back(static_cast<std::uint32_t>(index));
    bytes += batch->event_size_bytes(index);
  }
  if (selection.indexes.empty() || bytes >= batch->size_bytes() / sparse_part) return selection;
  auto copied = std::make_shared<EventBatch>(batch->begin());
  selection.indexes.for_each([&](std::uint32_t index) { copied->add(batch->event(index)); });
  copied->set_next(batch->next());
  return {copied, Indexes(0, copied->size())};
}

}  // namespace

// --- Reader ---

Reader::Reader(Tail& tail, const Filter& filter, model::GlobalPosition from, Prepare prepare)
    : tail_(tail),
      matcher_(std::make_shared<const Matcher>(filter)),
      filter_(filter),
      prepare_(std::move(prepare)),
      position_(from) {
  if (auto places = StreamPlaces::of(filter)) places_ = std::make_shared<StreamPlaces>(*std::move(places));
  tail_.add(*this);
}

Reader::~Reader() { tail_.remove(*this); }

void Reader::want() {
  if (state_ == State::idle) tail_.queue(*this);
}

void Reader::move_to(model::GlobalPosition position) {
  if (state_ == State::waiting) tail_.waiting_.fetch_sub(1);
  // A read that is under way keeps what it has.
  if (places_ != nullptr && state_ == State::reading)
    places_ = std::make_shared<StreamPlaces>(*StreamPlaces::of(filter_));
  state_ = State::idle;
  ++asked_;
  position_ = position;
}

model::GlobalPosition Reader::position() const {
  return state_ == State::waiting ? std::max(position_, tail_.end()) : position_;
}

// --- InterestIndex ---

// Each part of a filter is kept under what it has of the rarest kind.
template <class Change>
void InterestIndex::for_places(const Reader& reader, Change&& change) {
  if (reader.filter_.empty()) return change(everything_);
  for (const store::Filter& part : reader.filter_) {
    if (!part.streams.empty()) {
      for (const std::string& stream : part.streams) change(by_stream_[stream]);
    } else if (!part.types.empty()) {
      for (const std::string& type : part.types) change(by_type_[type]);
    } else if (!part.categories.empty()) {
      for (const std::string& category : part.categories) change(by_category_[category]);
    } else {
      change(everything_);
    }
  }
}

void InterestIndex::add(Reader& reader) {
  for_places(reader, [&](std::vector<Reader*>& place) { place.push_back(&reader); });
}

void InterestIndex::remove(Reader& reader) {
  for_places(reader, [&](std::vector<Reader*>& place) { std::erase(place, &reader); });
  for (ByText* texts : {&by_category_, &by_type_, &by_stream_})
    for (const store::Filter& part : reader.filter_)
      for (const auto* list : {&part.categories, &part.types, &part.streams})
        for (const std::string& text : *list)
          if (const auto found = texts->find(text); found != texts->end() && found->second.empty()) texts->erase(found);
}

template <class Visit>
void InterestIndex::for_candidates(const EventBatch& batch, Visit&& visit) const {
  for (Reader* reader : everything_) visit(*reader);
  const auto look_up = [&](const ByText& texts, std::string_view text) {
    if (const auto found = texts.find(text); found != texts.end())
      for (Reader* reader : found->second) visit(*reader);
  };
  std::string_view last_category;
  std::string_view last_type;
  for (std::size_t index = 0; index < batch.size(); ++index) {
    const std::string_view stream = batch.stream(index);
    if (!by_stream_.empty()) look_up(by_stream_, stream);
    if (const auto category = model::category_of(stream); !by_category_.empty() && category != last_category) {
      look_up(by_category_, category);
      last_category = category;
    }
    if (by_type_.empty()) continue;
    if (const auto type = batch.event(index).type; type != last_type) {
      look_up(by_type_, type);
      last_type = type;
    }
  }
}

// --- Tail ---

Tail::Tail(store::Store& store, Loop& loop, env::Executor& executor, TailLimits limits)
    : store_(store),
      loop_(loop),
      executor_(executor),
      limits_(limits),
      fresh_(limits.batch_events_max, limits.batch_bytes),
      end_(store.head()) {
  listener_ = store_.on_head_moved([this](const store::Commit& commit) { note_head_moved(commit); });
}

Tail::~Tail() { store_.stop_head_moved(listener_); }

void Tail::add(Reader& reader) {
  reader.id_ = ++last_id_;
  readers_.emplace(reader.id_, &reader);
  interests_.add(reader);
}

void Tail::remove(Reader& reader) {
  if (reader.state_ == Reader::State::waiting) waiting_.fetch_sub(1);
  readers_.erase(reader.id_);
  interests_.remove(reader);
}

void Tail::queue(Reader& reader) {
  reader.state_ = Reader::State::queued;
  queued_.push_back(reader.id_);
  if (queued_.size() == 1) loop_.post([this] { serve_queued(); });
}

void Tail::serve_queued() {
  for (const std::uint64_t id : std::exchange(queued_, {})) {
    const auto found = readers_.find(id);
    if (found != readers_.end() && found->second->state_ == Reader::State::queued) serve(*found->second);
  }
}

void Tail::serve(Reader& reader) {
  const model::GlobalPosition head = store_.head();
  const model::GlobalPosition position = reader.position_;
  if (position > end_ && waiting_.load() == 0) {
    // Nobody follows the end; it is where this reader is.
    ring_.clear();
    ring_bytes_ = 0;
    end_ = position;
  }
  const bool is_near = waiting_.load() > 0 || head - std::min(head, position) <= limits_.batch_events_max;
  if (position >= end_ && is_near) return wait_at_end(reader);
  if (position >= end_ || !serve_from_ring(reader)) read_behind(reader);
}

bool Tail::serve_from_ring(Reader& reader) {
  if (ring_.empty() || reader.position_ < ring_.front()->begin()) return false;
  const auto after =
      std::ranges::upper_bound(ring_, reader.position_, {}, [](const auto& batch) { return batch->next(); });
  if (after == ring_.end()) return false;
  const model::GlobalPosition next = (*after)->next();
  hand_over(reader, select(*after, *reader.matcher_, reader.position_), next);
  return true;
}

void Tail::hand_over(Reader& reader, Selection selection, model::GlobalPosition next) {
  Stretch stretch{.selection = std::move(selection), .from = reader.position_, .next = next};
  stretch.at_end = next >= store_.head();
  reader.state_ = Reader::State::idle;
  reader.position_ = next;
  reader.told_end_ = stretch.at_end;
  reader.on_stretch(std::move(stretch));
}

void Tail::wait_at_end(Reader& reader) {
  reader.state_ = Reader::State::waiting;
  waiting_.fetch_add(1);
  // Either the committer sees that somebody waits, or this sees its events.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const model::GlobalPosition head = store_.head();
  if (head > end_) schedule_advance();
  if (reader.told_end_) return;
  untold_.insert(reader.id_);
  if (head <= end_) tell_end();
}

void Tail::tell_end() {
  for (const std::uint64_t id : std::exchange(untold_, {})) {
    const auto found = readers_.find(id);
    if (found == readers_.end() || found->second->state_ != Reader::State::waiting) continue;
    waiting_.fetch_sub(1);
    hand_over(*found->second, {}, std::max(end_, found->second->position_));
  }
}

// On the executor: the next stretch of one reader.
base::Result<SharedBatch> Tail::read_stretch(model::GlobalPosition from, const Matcher& matcher, StreamPlaces* places) {
  if (places != nullptr) {
    auto read = places->read(store_, from, matcher, limits_.batch_bytes);
    if (!read) return std::unexpected(read.error());
    return SharedBatch(*std::move(read));
  }
  auto batch = std::make_shared<EventBatch>(from);
  const auto read =
      store_.read_all({.from = from, .scan_limit = limits_.scan_events_max}, [&](const model::EventView& event) {
        if (matcher.matches(event)) batch->add(event);
        batch->set_next(event.global_position + 1);
        return batch->size_bytes() < limits_.batch_bytes;
      });
  // What could be read goes out first; the next read meets the error again.
  if (!read && batch->next() == from) return std::unexpected(read.error());
  return SharedBatch(std::move(batch));
}

void Tail::read_behind(Reader& reader) {
  reader.state_ = Reader::State::reading;
  auto work = [this, id = reader.id_, asked = ++reader.asked_, from = reader.position_, matcher = reader.matcher_,
               places = reader.places_, prepare = reader.prepare_] {
    auto read = read_stretch(from, *matcher, places.get());
    if (read && prepare) prepare(**read);
    loop_.post([this, id, asked, read = std::move(read)]() mutable { take_read(id, asked, std::move(read)); });
  };
  if (auto posted = executor_.post(std::move(work)); !posted) {
    loop_.post([this, id = reader.id_, asked = reader.asked_, error = posted.error()] {
      take_read(id, asked, std::unexpected(error));
    });
  }
}

void Tail::take_read(std::uint64_t id, std::uint64_t asked, base::Result<SharedBatch> read) {
  const auto found = readers_.find(id);
  if (found == readers_.end() || found->second->asked_ != asked || found->second->state_ != Reader::State::reading)
    return;
  Reader& reader = *found->second;
  reader.state_ = Reader::State::idle;
  if (!read) return reader.on_unreadable(read.error());
  const SharedBatch& batch = *read;
  hand_over(reader, {batch, Indexes(0, batch->size())}, batch->next());
}

// --- following ---

// On the committer's thread.
void Tail::note_head_moved(const store::Commit& commit) {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const bool is_waited_for = waiting_.load(std::memory_order_relaxed) > 0;
  // Between two steps of the end those who follow it may be busy with the first.
  if (is_waited_for || advance_scheduled_.load(std::memory_order_relaxed)) fresh_.add(commit);
  if (is_waited_for) schedule_advance();
}

void Tail::schedule_advance() {
  if (!advance_scheduled_.exchange(true)) loop_.post([this] { advance(); });
}

void Tail::advance() {
  if (waiting_.load() == 0 || store_.head() <= end_) {
    advance_scheduled_.store(false);
    // Either the committer sees that, or this sees its events.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (waiting_.load() > 0 && store_.head() > end_) schedule_advance();
    return;
  }
  const Loop::Time begun = loop_.clock().steady_now();
  if (auto read = read_next_batch(); !read) {
    advance_scheduled_.store(false);
    return fail_waiting(read.error());
  }
  const std::size_t served = dispatch(SharedBatch(ring_.back()));
  const auto others = static_cast<std::int64_t>(std::max<std::size_t>(served, 1)) - 1;
  const auto pause = std::min(limits_.pause_max, limits_.pause_per_reader * others);
  // It stays scheduled meanwhile, so that nobody wakes the thread for it.
  loop_.at(begun + pause, [this] { advance(); });
  if (store_.head() <= end_) tell_end();
  if (on_moved_) on_moved_();
}

base::Result<> Tail::read_next_batch() {
  model::GlobalPosition to = std::min(store_.head(), end_ + limits_.batch_events_max);
  auto batch = fresh_.take(end_, to);
  if (batch == nullptr) {
    // The committer did not hand it over: nobody waited then, or there was no room.
    auto read = read_end(to);
    if (!read) return std::unexpected(read.error());
    batch = *std::move(read);
  }
  end_ = batch->next();
  ring_bytes_ += batch->size_bytes();
  ring_.push_back(std::move(batch));
  while (ring_bytes_ > limits_.ring_bytes_max && ring_.size() > 1) {
    ring_bytes_ -= ring_.front()->size_bytes();
    ring_.pop_front();
  }
  return {};
}

base::Result<std::shared_ptr<EventBatch>> Tail::read_end(model::GlobalPosition to) {
  auto batch = std::make_shared<EventBatch>(end_);
  const auto read = store_.read_all({.from = end_, .limit = to - end_}, [&](const model::EventView& event) {
    batch->add(event);
    batch->set_next(event.global_position + 1);
    return batch->size_bytes() < limits_.batch_bytes;
  });
  if (batch->size() > 0) return batch;
  if (!read) return std::unexpected(read.error());
  return base::fail(base::Code::internal, "the store's head moved and nothing can be read");
}

std::size_t Tail::dispatch(const SharedBatch& batch) {
  std::size_t served = 0;
  std::shared_ptr<void> held;
  // By id: what one reader does with its events may end another.
  std::vector<std::uint64_t> candidates;
  interests_.for_candidates(*batch, [&](Reader& reader) {
    if (reader.state_ != Reader::State::waiting) return;
    reader.state_ = Reader::State::called;
    waiting_.fetch_sub(1);
    candidates.push_back(reader.id_);
  });
  for (const std::uint64_t id : candidates) {
    const auto found = readers_.find(id);
    if (found == readers_.end() || found->second->state_ != Reader::State::called) continue;
    Reader& reader = *found->second;
    Selection selection = select(batch, *reader.matcher_, reader.position_);
    if (selection.indexes.empty()) {
      wait_at_end(reader);
    } else {
      if (hold_wake_ups_ && served % held_wake_ups_max == 0) {
        held.reset();
        held = hold_wake_ups_();
      }
      ++served;
      hand_over(reader, std::move(selection), batch->next());
    }
  }
  return served;
}

void Tail::fail_waiting(const base::Error& error) {
  std::vector<std::uint64_t> waiting;
  for (const auto& [id, reader] : readers_)
    if (reader->state_ == Reader::State::waiting) waiting.push_back(id);
  for (const std::uint64_t id : waiting) {
    const auto found = readers_.find(id);
    if (found == readers_.end() || found->second->state_ != Reader::State::waiting) continue;
    waiting_.fetch_sub(1);
    found->second->state_ = Reader::State::idle;
    found->second->position_ = std::max(found->second->position_, end_);
    found->second->on_unreadable(error);
  }
}

}  // namespace thalo::feed
