#include "store/record.h"
#include "store/rocksdb/chunk.h"
#include "store/rocksdb/log_check.h"
#include "store/rocksdb/log_pieces.h"
#include "store/rocksdb/small_values.h"
#include "store/varint.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/log_bytes.h"
#include "tests/fuzz/targets.h"

namespace thalo::fuzz {

namespace {

using namespace store;

void note(bool accepted, Reached& reached) { ++(accepted ? reached.accepted : reached.rejections); }

bool is_within(std::string_view part, std::string_view whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

std::string encode(const Record& record) {
  const model::NewEvent event{std::string(record.event.type), std::string(record.event.data),
                              std::string(record.event.metadata)};
  const EncodedEvents encoded(record.event.stream, record.event.time_ms, std::span(&event, 1));
  std::string bytes(RecordHead(record.remaining, record.event.position).text());
  encoded.for_each([&](std::string_view body) { bytes += body; });
  return bytes;
}

void read_record(std::string_view bytes, Reached& reached) {
  const auto record = decode_record(7, bytes);
  note(record.has_value(), reached);
  if (!record) return check(record.error().code == base::Code::data_loss, "what is no record is damage");
  for (const auto text : {record->event.stream, record->event.type, record->event.metadata, record->event.data})
    check(is_within(text, bytes), "a record's texts are within its bytes");
  const std::string again = encode(*record);
  const auto second = decode_record(7, again);
  check(second && second->event.stream == record->event.stream && second->event.type == record->event.type &&
            second->event.data == record->event.data && second->event.metadata == record->event.metadata &&
            second->event.position == record->event.position && second->event.time_ms == record->event.time_ms &&
            second->remaining == record->remaining,
        "a record that is written again is the same");
}

void read_chunk(std::string_view bytes, Reached& reached) {
  const std::string key = chunk_key("s-1", 1000);
  std::vector<model::GlobalPosition> positions;
  const auto decoded = decode_chunk(key, bytes, positions);
  note(decoded.has_value(), reached);
  if (!decoded) return;
  const auto count = decode_chunk_count(key, bytes);
  check(count && *count == positions.size(), "a chunk has as many positions as it says");
  check(!positions.empty() && positions.size() <= chunk_events_max, "a chunk has positions, and no more than may be");
  for (std::size_t index = 1; index < positions.size(); ++index)
    check(positions[index - 1] < positions[index], "the positions of a chunk ascend");
  std::vector<model::GlobalPosition> again;
  check(decode_chunk(key, encode_chunk(positions), again) && again == positions, "a chunk written again is the same");
}

void read_chunk_key(std::string_view key, Reached& reached) {
  note(is_chunk_key(key), reached);
  if (!is_chunk_key(key)) return;
  check(chunk_key(chunk_key_stream(key), chunk_key_first(key)) == key, "a key of a chunk written again is the same");
}

void read_cursor(std::string_view bytes, Reached& reached) {
  const auto cursor = decode_cursor("c", bytes);
  note(cursor.has_value(), reached);
  if (cursor) check(decode_cursor("c", encode_cursor(*cursor)) == *cursor, "a cursor written again is the same");
}

void read_snapshot(std::string_view bytes, Reached& reached) {
  const auto snapshot = decode_snapshot("s-1", bytes);
  note(snapshot.has_value(), reached);
  if (snapshot)
    check(decode_snapshot("s-1", encode_snapshot(*snapshot)) == *snapshot, "a snapshot written again is the same");
}

void read_log(std::string_view log, Reached& reached) {
  const LogCheck found = check_log(log, 41);
  note(found.end == LogEnd::whole, reached);
  check(found.offset <= log.size() && found.behind <= log.size(), "a log is broken within its bytes");
  check(found.end != LogEnd::whole || found.offset == log.size(), "a whole log is whole to its end");
  const LogCheck cut = check_log(log.substr(0, found.offset), 41);
  check(cut.end == LogEnd::whole && cut.last_change == found.last_change,
        "a log that is cut where it broke is whole and has the same last change");
  // Any bytes may stand in an entry.
  const EntryNumbers numbers = entry_numbers(log);
  check(numbers.last == 0 || numbers.last - numbers.first < UINT32_MAX, "an entry has fewer than 2^32 changes");
  synced_before(log);
}

}  // namespace

void stored_bytes(std::string_view input, Reached& reached) {
  if (input.empty()) return;
  const std::string_view rest = input.substr(1);
  switch (input[0] % 6) {
    case 0:
      return read_record(rest, reached);
    case 1:
      return read_chunk(rest, reached);
    case 2:
      return read_cursor(rest, reached);
    case 3:
      return read_snapshot(rest, reached);
    case 4:
      return read_log(rest, reached);
    default:
      return read_chunk_key(rest, reached);
  }
}

std::vector<std::string> stored_bytes_seeds() {
  model::EventView event;
  event.position = 1'000'000;
  event.time_ms = 258;
  event.stream = "c-1";
  event.type = "Ev";
  event.data = R"({"a":1})";
  event.metadata = R"({"command_id":"x"})";
  const std::string record = encode({.event = event, .remaining = 2});
  return {std::string(1, 0) + record,
          std::string(1, 1) + encode_chunk(std::vector<model::GlobalPosition>{300, 301, 304, 70'000}),
          std::string(1, 2) + encode_cursor({.next = 300, .data = "filter"}),
          std::string(1, 3) + encode_snapshot({.version = 9, .module_digest = "d", .format = "f/1", .data = "{}"}),
          std::string(1, 4) + log_bytes({42, 43, 44}, 100),
          std::string(1, 4) + log_bytes({42, 43}, 40'000),
          std::string(1, 5) + chunk_key("s-1", 300)};
}

void canary(std::string_view input, Reached& /*reached*/) {
  const auto record = decode_record(7, input);
  check(!record || record->remaining < 1000, "the canary: no record is followed by a thousand others");
}

std::vector<std::string> canary_seeds() { return {stored_bytes_seeds()[0].substr(1)}; }

}  // namespace thalo::fuzz
