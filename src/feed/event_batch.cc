#include "feed/event_batch.h"

#include "store/stream_hash.h"

namespace thalo::feed {
namespace {

// About what an event's encoding adds to its texts: id, numbers, tags.
constexpr std::size_t encoding_bytes = 80;

}  // namespace

void EventBatch::add(const model::EventView& event) {
  entries_.push_back({.global_position = event.global_position,
                      .position = event.position,
                      .time_ms = event.time_ms,
                      .share_hash = store::share_hash(event.stream),
                      .begin = texts_.size(),
                      .stream_size = static_cast<std::uint32_t>(event.stream.size()),
                      .type_size = static_cast<std::uint32_t>(event.type.size()),
                      .data_size = static_cast<std::uint32_t>(event.data.size()),
                      .metadata_size = static_cast<std::uint32_t>(event.metadata.size())});
  texts_.append(event.stream).append(event.type).append(event.data).append(event.metadata);
}

model::EventView EventBatch::event(std::size_t index) const {
  const Entry& entry = entries_[index];
  const char* text = texts_.data() + entry.begin;
  const auto take = [&](std::uint32_t size) {
    const std::string_view taken(text, size);
    text += size;
    return taken;
  };
  model::EventView event;
  event.global_position = entry.global_position;
  event.position = entry.position;
  event.time_ms = entry.time_ms;
  event.stream = take(entry.stream_size);
  event.type = take(entry.type_size);
  event.data = take(entry.data_size);
  event.metadata = take(entry.metadata_size);
  return event;
}

std::size_t EventBatch::event_size_bytes(std::size_t index) const {
  const Entry& entry = entries_[index];
  return std::size_t{entry.stream_size} + entry.type_size + entry.data_size + entry.metadata_size + sizeof(Entry);
}

std::size_t EventBatch::size_bytes(std::size_t first, std::size_t last) const {
  const std::size_t end = last + 1 < entries_.size() ? entries_[last + 1].begin : texts_.size();
  return end - entries_[first].begin + (last - first + 1) * sizeof(Entry);
}

std::string_view EventBatch::Encoded::of(std::size_t first, std::size_t last) const {
  const std::size_t begin = first == 0 ? 0 : ends[first - 1];
  return std::string_view(bytes).substr(begin, ends[last] - begin);
}

const EventBatch::Encoded& EventBatch::encoded(AppendEncoded append_encoded) const {
  std::call_once(encoded_once_, [&] {
    encoded_.ends.reserve(entries_.size());
    encoded_.bytes.reserve(texts_.size() + entries_.size() * encoding_bytes);
    for (std::size_t index = 0; index < entries_.size(); ++index) {
      append_encoded(event(index), encoded_.bytes);
      encoded_.ends.push_back(encoded_.bytes.size());
    }
  });
  return encoded_;
}

}  // namespace thalo::feed
