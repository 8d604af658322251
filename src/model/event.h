// Events, as they are asked for and as they are stored.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace thalo::model {

// An event's place in its stream, gapless from 0. An entity's version is the number of its events.
using Position = std::uint64_t;
// An event's place in the whole store, gapless from 0.
using GlobalPosition = std::uint64_t;

// An event on its way into the store. `data` is JSON; `metadata` is a JSON object or empty.
struct NewEvent {
  std::string type;
  std::string data;
  std::string metadata;
  friend bool operator==(const NewEvent&, const NewEvent&) = default;
};

// A stored event as a reader sees it; the texts live as long as the call that shows it.
struct EventView {
  GlobalPosition global_position = 0;
  Position position = 0;
  std::int64_t time_ms = 0;  // since the Unix epoch
  std::string_view stream;
  std::string_view type;
  std::string_view data;
  std::string_view metadata;
};

// A stored event, owned.
struct Event {
  GlobalPosition global_position = 0;
  Position position = 0;
  std::int64_t time_ms = 0;
  std::string stream;
  std::string type;
  std::string data;
  std::string metadata;

  static Event from(const EventView& view) {
    return {view.global_position,      view.position,          view.time_ms,
            std::string(view.stream),  std::string(view.type), std::string(view.data),
            std::string(view.metadata)};
  }
  EventView view() const { return {global_position, position, time_ms, stream, type, data, metadata}; }
  friend bool operator==(const Event&, const Event&) = default;
};

// A store's identity: 16 random bytes made when it is created.
using StoreId = std::array<std::uint8_t, 16>;

// The unique id of the event at `position` of store `store`: a version 8 UUID (RFC 9562) of the two, so that it costs
// no byte on disk and is the same at every read.
std::string event_id(const StoreId& store, GlobalPosition position);
inline constexpr std::size_t event_id_bytes = 36;
std::array<char, event_id_bytes> event_id_text(const StoreId& store, GlobalPosition position);

}  // namespace thalo::model
