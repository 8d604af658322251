#include "feed/stream_reads.h"

#include <algorithm>
#include <utility>

namespace thalo::feed {
namespace {

constexpr std::size_t streams_max = 16;

// What was read of one stream, and how much of it has been taken.
struct Read {
  EventBatch events{0};
  bool is_whole = false;  // there is no more before the head
  std::size_t taken = 0;
};

base::Result<> read_some(store::Store& store, const std::string& stream, model::Position from,
                         model::GlobalPosition head, std::size_t bytes_max, Read& out) {
  bool stopped = false;
  const auto shown = store.read_stream({.stream = stream, .from = from}, [&](const model::EventView& event) {
    if (event.global_position >= head) return false;
    out.events.add(event);
    stopped = out.events.size_bytes() >= bytes_max;
    return !stopped;
  });
  if (!shown) return std::unexpected(shown.error());
  out.is_whole = !stopped;
  return {};
}

}  // namespace

std::optional<StreamPlaces> StreamPlaces::of(const Filter& filter) {
  StreamPlaces out;
  std::vector<std::string> streams;
  for (const store::Filter& part : filter) {
    if (part.streams.empty()) return std::nullopt;
    streams.insert(streams.end(), part.streams.begin(), part.streams.end());
  }
  std::ranges::sort(streams);
  streams.erase(std::ranges::unique(streams).begin(), streams.end());
  if (streams.empty() || streams.size() > streams_max) return std::nullopt;
  for (std::string& stream : streams) out.places_.push_back({std::move(stream), 0});
  return out;
}

// The first event of each stream at or after `from`, by halving.
base::Result<> StreamPlaces::find(store::Store& store, model::GlobalPosition from) {
  for (Place& place : places_) {
    const auto version = store.stream_version(place.stream);
    if (!version) return std::unexpected(version.error());
    model::Position low = 0;
    model::Position high = *version;
    while (low < high) {
      const model::Position middle = low + (high - low) / 2;
      model::GlobalPosition found = 0;
      const auto shown =
          store.read_stream({.stream = place.stream, .from = middle, .limit = 1}, [&](const model::EventView& event) {
            found = event.global_position;
            return false;
          });
      if (!shown) return std::unexpected(shown.error());
      found < from ? low = middle + 1 : high = middle;
    }
    place.next = low;
  }
  at_ = from;
  return {};
}

base::Result<std::shared_ptr<EventBatch>> StreamPlaces::read(store::Store& store, model::GlobalPosition from,
                                                             const Matcher& matcher, std::size_t bytes_max) {
  const model::GlobalPosition head = store.head();
  if (at_ != from) {
    if (auto found = find(store, from); !found) return std::unexpected(found.error());
  }
  std::vector<Read> reads(places_.size());
  // Up to here everything of every stream has been read.
  model::GlobalPosition end = std::max(head, from);
  for (std::size_t index = 0; index < places_.size(); ++index) {
    const Place& place = places_[index];
    const auto read = read_some(store, place.stream, place.next, head, bytes_max / places_.size() + 1, reads[index]);
    if (!read) return std::unexpected(read.error());
    const EventBatch& events = reads[index].events;
    if (!reads[index].is_whole) end = std::min(end, events.position(events.size() - 1) + 1);
  }
  auto out = std::make_shared<EventBatch>(from);
  for (;;) {
    std::size_t first = reads.size();
    for (std::size_t index = 0; index < reads.size(); ++index) {
      const Read& read = reads[index];
      if (read.taken == read.events.size() || read.events.position(read.taken) >= end) continue;
      if (first == reads.size() || read.events.position(read.taken) < reads[first].events.position(reads[first].taken))
        first = index;
    }
    if (first == reads.size()) break;
    const model::EventView event = reads[first].events.event(reads[first].taken++);
    places_[first].next = event.position + 1;
    if (matcher.matches(event)) out->add(event);
  }
  out->set_next(end);
  at_ = end;
  return out;
}

}  // namespace thalo::feed
