#include "rpc/event_slices.h"

#include "rpc/translate.h"

namespace thalo::rpc {
namespace {

constexpr char events_tag = 0x0a;  // field 1, length-delimited

const feed::EventBatch::Encoded& encoded(const model::StoreId& store, const feed::EventBatch& batch) {
  return batch.encoded([&](const model::EventView& event, std::string& out) { append_event(store, event, out); });
}

}  // namespace

void append_event(const model::StoreId& store, const model::EventView& event, std::string& out) {
  thread_local v1::Event message;
  to_wire(store, event, message);
  std::size_t size = message.ByteSizeLong();
  out += events_tag;
  for (; size >= 0x80; size >>= 7) out += static_cast<char>(size | 0x80);
  out += static_cast<char>(size);
  message.AppendToString(&out);
}

void encode_events(const model::StoreId& store, const feed::EventBatch& batch) { encoded(store, batch); }

void append_selection(const model::StoreId& store, const feed::Selection& selection, std::string& out) {
  if (selection.indexes.empty()) return;
  const auto& slices = encoded(store, *selection.batch);
  const auto& indexes = selection.indexes;
  for (std::size_t first = 0; first < indexes.size();) {
    std::size_t last = first;
    while (last + 1 < indexes.size() && indexes[last + 1] == indexes[last] + 1) ++last;
    out += slices.of(indexes[first], indexes[last]);
    first = last + 1;
  }
}

}  // namespace thalo::rpc
