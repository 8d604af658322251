#include "rpc/event_slices.h"

#include <bit>
#include <cstdint>
#include <cstring>

namespace thalo::rpc {
namespace {

// The fields of thalo.v1.Event.
enum Field : unsigned { id = 1, global_position, position, stream, type, data, metadata, time_ms };
constexpr unsigned events_field = 1;

// Tags of fields up to 15 are one byte.
constexpr char number_tag(unsigned field) { return static_cast<char>(field << 3); }
constexpr char text_tag(unsigned field) { return static_cast<char>(field << 3 | 2); }

std::size_t varint_size(std::uint64_t value) { return (static_cast<std::size_t>(std::bit_width(value | 1)) + 6) / 7; }

// What is absent when it is empty or zero, as protobuf 3 has it.
std::size_t number_size(std::uint64_t value) { return value == 0 ? 0 : 1 + varint_size(value); }
std::size_t text_size(std::string_view text) { return text.empty() ? 0 : 1 + varint_size(text.size()) + text.size(); }

// Writes fields to where there is room for them.
class FieldWriter {
 public:
  explicit FieldWriter(char* to) : to_(to) {}
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) *to_++ = static_cast<char>(value | 0x80);
    *to_++ = static_cast<char>(value);
  }
  void head(unsigned field, std::size_t size) {
    *to_++ = text_tag(field);
    varint(size);
  }
  void number(unsigned field, std::uint64_t value) {
    if (value == 0) return;
    *to_++ = number_tag(field);
    varint(value);
  }
  void text(unsigned field, std::string_view text) {
    if (text.empty()) return;
    head(field, text.size());
    std::memcpy(to_, text.data(), text.size());
    to_ += text.size();
  }

 private:
  char* to_;
};

const feed::EventBatch::Encoded& encoded(const model::StoreId& store, const feed::EventBatch& batch) {
  return batch.encoded([&](const model::EventView& event, std::string& out) { append_event(store, event, out); });
}

}  // namespace

// By hand: protobuf's own way over a message object costs three times as much, and this is done for every event that is
// read or followed. A test holds it to the generated class.
void append_event(const model::StoreId& store, const model::EventView& event, std::string& out) {
  const auto id_text = model::event_id_text(store, event.global_position);
  const auto time = static_cast<std::uint64_t>(event.time_ms);
  const std::size_t size = text_size({id_text.data(), id_text.size()}) + number_size(event.global_position) +
                           number_size(event.position) + text_size(event.stream) + text_size(event.type) +
                           text_size(event.data) + text_size(event.metadata) + number_size(time);
  const std::size_t begin = out.size();
  out.resize(begin + 1 + varint_size(size) + size);
  FieldWriter to(out.data() + begin);
  to.head(events_field, size);
  to.text(Field::id, {id_text.data(), id_text.size()});
  to.number(Field::global_position, event.global_position);
  to.number(Field::position, event.position);
  to.text(Field::stream, event.stream);
  to.text(Field::type, event.type);
  to.text(Field::data, event.data);
  to.text(Field::metadata, event.metadata);
  to.number(Field::time_ms, time);
}

void encode_events(const model::StoreId& store, const feed::EventBatch& batch) { encoded(store, batch); }

void collect_selection(const model::StoreId& store, const feed::Selection& selection,
                       std::vector<std::string_view>& parts) {
  if (selection.indexes.empty()) return;
  const auto& slices = encoded(store, *selection.batch);
  const auto& indexes = selection.indexes;
  // Most often the selection is without gaps.
  if (indexes.back() - indexes.front() + 1 == indexes.size())
    return parts.push_back(slices.of(indexes.front(), indexes.back()));
  for (std::size_t first = 0; first < indexes.size();) {
    std::size_t last = first;
    while (last + 1 < indexes.size() && indexes[last + 1] == indexes[last] + 1) ++last;
    parts.push_back(slices.of(indexes[first], indexes[last]));
    first = last + 1;
  }
}

}  // namespace thalo::rpc
