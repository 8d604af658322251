#include "rpc/event_slices.h"

#include <cstdint>

#include "rpc/field_writer.h"

namespace thalo::rpc {
namespace {

// The fields of thalo.v1.Event.
enum Field : unsigned { id = 1, global_position, position, stream, type, data, metadata, time_ms };
constexpr unsigned events_field = 1;

const feed::EventBatch::Encoded& encoded(const model::StoreId& store, const feed::EventBatch& batch) {
  return batch.encoded([&](const model::EventView& event, std::string& out) { append_event(store, event, out); });
}

}  // namespace

std::size_t event_size(const model::EventView& event) {
  return head_size(model::event_id_bytes) + model::event_id_bytes + number_size(event.global_position) +
         number_size(event.position) + text_size(event.stream) + text_size(event.type) + text_size(event.data) +
         text_size(event.metadata) + number_size(static_cast<std::uint64_t>(event.time_ms));
}

// By hand: protobuf's own way over a message object costs three times as much, and this is done for every event that is
// written, read or followed. A test holds it to the generated class.
void append_event(const model::StoreId& store, const model::EventView& event, std::string& out) {
  const auto id_text = model::event_id_text(store, event.global_position);
  const auto time = static_cast<std::uint64_t>(event.time_ms);
  const std::size_t size = event_size(event);
  const std::size_t begin = out.size();
  out.resize(begin + head_size(size) + size);
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
                       std::vector<net::BytesPart>& parts) {
  if (selection.indexes.empty()) return;
  const auto& slices = encoded(store, *selection.batch);
  const auto& indexes = selection.indexes;
  // Most often the selection is without gaps.
  if (indexes.without_gaps()) return parts.push_back({slices.of(indexes.front(), indexes.back()), selection.batch});
  for (std::size_t first = 0; first < indexes.size();) {
    std::size_t last = first;
    while (last + 1 < indexes.size() && indexes[last + 1] == indexes[last] + 1) ++last;
    parts.push_back({slices.of(indexes[first], indexes[last]), selection.batch});
    first = last + 1;
  }
}

}  // namespace thalo::rpc
