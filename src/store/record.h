// How one event is laid out on disk (docs/format.md, "The record").
//
// Encoding is split so that the costly part happens on the thread that appends: it makes the *body*; the committer, who
// alone knows the event's place, puts the *head* before it. Decoding copies nothing. Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/event.h"

namespace thalo::store {

inline constexpr std::uint8_t record_version = 1;

// The bodies of the events of one append, one after the other.
class EncodedEvents {
 public:
  EncodedEvents(std::string_view stream, std::int64_t time_ms, std::span<const model::NewEvent> events);

  std::uint32_t count() const { return count_; }
  std::size_t size_bytes() const { return bytes_.size(); }

  // Calls visit(body) for each event in order.
  template <class Visit>
  void for_each(Visit&& visit) const {
    std::string_view rest = bytes_;
    while (!rest.empty()) {
      std::uint32_t size = 0;
      std::memcpy(&size, rest.data(), sizeof size);
      visit(rest.substr(sizeof size, size));
      rest.remove_prefix(sizeof size + size);
    }
  }

 private:
  std::string bytes_;  // each body after its size as a native 32-bit number; never stored like that
  std::uint32_t count_;
};

// The bytes in front of a body: the record's version, how many events of the same append follow, the position in the
// stream.
class RecordHead {
 public:
  RecordHead(std::uint32_t remaining, model::Position position);
  std::string_view text() const { return {bytes_.data(), size_}; }

 private:
  std::array<char, 16> bytes_;
  std::size_t size_;
};

struct Record {
  model::EventView event;       // views into the decoded bytes
  std::uint32_t remaining = 0;  // events of the same append after this one
};

// Reads what a body says into `event`; the places are not in it. Null, or what is wrong with the bytes.
const char* read_body(std::string_view body, model::EventView& event);
// DATA_LOSS names `at` and what is wrong with the bytes.
base::Result<Record> decode_record(model::GlobalPosition at, std::string_view bytes);

// The most bytes a record has beside its texts.
inline constexpr std::size_t record_overhead_bytes_max = 64;

}  // namespace thalo::store
