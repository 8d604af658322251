#include "store/record.h"

#include "base/shared_text.h"
#include "store/varint.h"

namespace thalo::store {
namespace {

std::size_t text_size_bytes_max(std::string_view text) { return varint_size_bytes_max + text.size(); }

std::unexpected<base::Error> damaged(model::GlobalPosition at, const std::string& what) {
  return base::fail(base::Code::data_loss, "the event at global position " + std::to_string(at) +
                                               " is damaged: " + what + "; restore the store from a backup");
}

}  // namespace

EncodedEvents::EncodedEvents(std::string_view stream, std::int64_t time_ms, std::span<const model::NewEvent> events)
    : count_(static_cast<std::uint32_t>(events.size())) {
  std::size_t total = 0;
  for (const auto& event : events) {
    total += sizeof(std::uint32_t) + sizeof time_ms + text_size_bytes_max(stream) + text_size_bytes_max(event.type) +
             text_size_bytes_max(event.metadata) + event.data.size();
  }
  bytes_.reserve(total);
  for (const auto& event : events) {
    const std::size_t begin = bytes_.size();
    bytes_.append(sizeof(std::uint32_t), '\0');
    char time[sizeof time_ms];
    put_fixed64(time, static_cast<std::uint64_t>(time_ms));
    bytes_.append(time, sizeof time);
    append_text(bytes_, stream);
    append_text(bytes_, event.type);
    append_text(bytes_, event.metadata);
    bytes_.append(event.data);
    const auto size = static_cast<std::uint32_t>(bytes_.size() - begin - sizeof(std::uint32_t));
    std::memcpy(bytes_.data() + begin, &size, sizeof size);
  }
}

RecordHead::RecordHead(std::uint32_t remaining, model::Position position) {
  char* end = bytes_.data();
  *end++ = static_cast<char>(record_version);
  end = put_varint(end, remaining);
  end = put_varint(end, position);
  size_ = static_cast<std::size_t>(end - bytes_.data());
}

const char* read_body(std::string_view body, model::EventView& event) {
  if (body.size() < sizeof event.time_ms) return "its head is cut short";
  event.time_ms = static_cast<std::int64_t>(get_fixed64(body));
  body.remove_prefix(sizeof event.time_ms);
  if (!take_text(body, event.stream)) return "its stream name is cut short";
  if (event.stream.size() > base::SharedText::size_bytes_max) return "its stream name is too long";
  if (!take_text(body, event.type)) return "its type is cut short";
  if (!take_text(body, event.metadata)) return "its metadata is cut short";
  event.data = body;
  return nullptr;
}

base::Result<Record> decode_record(model::GlobalPosition at, std::string_view bytes) {
  if (bytes.empty()) return damaged(at, "it has no bytes");
  const auto version = static_cast<std::uint8_t>(bytes[0]);
  if (version != record_version) {
    return damaged(at, "its record version is " + std::to_string(version) + " and this program knows " +
                           std::to_string(record_version));
  }
  bytes.remove_prefix(1);
  Record record;
  std::uint64_t remaining = 0;
  if (!take_varint(bytes, remaining) || remaining > UINT32_MAX || !take_varint(bytes, record.event.position))
    return damaged(at, "its head is cut short");
  record.remaining = static_cast<std::uint32_t>(remaining);
  record.event.global_position = at;
  if (const char* const wrong = read_body(bytes, record.event)) return damaged(at, wrong);
  return record;
}

}  // namespace thalo::store
