#include "store/rocksdb/event_check.h"

#include <algorithm>
#include <vector>

#include "base/counted.h"
#include "store/rocksdb/chunk.h"
#include "store/stream_hash.h"
#include "store/varint.h"

namespace thalo::store {
namespace {

constexpr int gapless_store = 3;
constexpr int gapless_stream = 4;
constexpr int whole_commands = 5;
constexpr int known_records = 6;
constexpr int complete_index = 8;
constexpr int index_ahead = 9;

std::string hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const char byte : bytes) {
    text += digits[static_cast<std::uint8_t>(byte) >> 4];
    text += digits[static_cast<std::uint8_t>(byte) & 15];
  }
  return text;
}

std::string number(std::uint64_t value) { return std::to_string(value); }

}  // namespace

EventCheck::EventCheck(Database& database, std::uint32_t stretch_events, model::GlobalPosition checkpoint,
                       VerifyReport& report)
    : database_(database),
      stretch_events_(stretch_events),
      checkpoint_(checkpoint),
      report_(report),
      stretch_(std::make_unique<Stretch>(0)) {}

void EventCheck::see(std::string_view key, std::string_view value) {
  if (key.size() != sizeof(model::GlobalPosition)) {
    return report_.add(gapless_store, "the column events has a key of " + number(key.size()) + " bytes, " + hex(key));
  }
  const model::GlobalPosition at = get_big_endian64(key);
  if (at < next_) {
    return report_.add(
        {.invariant = gapless_store, .what = "the global position is there more than once", .global_position = at});
  }
  miss_to(at);
  ++report_.summary.events;
  const auto record = decode_record(at, value);
  if (!record) {
    report_.add({.invariant = known_records, .what = record.error().message, .global_position = at});
    return lose(1);
  }
  const std::uint64_t hash = stream_hash(record->event.stream);
  check_command(*record);
  check_position(*record, hash);
  if (is_stretch_known_ && stretch_events_ != 0)
    stretch_->add(record->event.stream, hash, record->event.position, at, 1);
  advance(1);
}

void EventCheck::miss_to(model::GlobalPosition end) {
  if (end <= next_) return;
  report_.add({.invariant = gapless_store,
               .what = end == next_ + 1 ? "the event is missing"
                                        : "the events from here to " + number(end - 1) + " are missing",
               .global_position = next_});
  skip_to(end);
}

void EventCheck::skip_to(model::GlobalPosition end) {
  if (end > next_) lose(end - next_);
}

void EventCheck::finish() {
  if (remaining_ != 0) {
    report_.add({.invariant = whole_commands,
                 .what = "the store ends in the middle of a command: " + base::counted(remaining_, "event") +
                         (remaining_ == 1 ? " is missing" : " are missing"),
                 .global_position = next_ - 1,
                 .stream = stream_});
  }
  report_.summary.streams = versions_.size();
}

void EventCheck::check_command(const Record& record) {
  const auto& event = record.event;
  if (remaining_ != 0 &&
      (event.stream != stream_ || event.position != position_ + 1 || record.remaining != remaining_ - 1)) {
    report_.add({.invariant = whole_commands,
                 .what = "the event before says that event " + number(position_ + 1) + " of " + stream_ + " with " +
                         number(remaining_ - 1) + " to follow comes here, but this is event " + number(event.position) +
                         " with " + number(record.remaining) + " to follow",
                 .global_position = event.global_position,
                 .stream = std::string(event.stream)});
  }
  remaining_ = record.remaining;
  position_ = event.position;
  if (remaining_ != 0) stream_ = event.stream;
}

void EventCheck::check_position(const Record& record, std::uint64_t hash) {
  const auto& event = record.event;
  std::uint64_t& version = versions_[hash];
  if (event.position != version) {
    is_stretch_known_ = false;
    const bool is_explained = event.position > version && event.position - version <= unexplained_;
    if (is_explained) {
      unexplained_ -= event.position - version;
    } else {
      report_.add({.invariant = gapless_stream,
                   .what = "it has position " + number(event.position) + " in its stream, and " + number(version) +
                           " comes next",
                   .global_position = event.global_position,
                   .stream = std::string(event.stream)});
    }
  }
  version = std::max(version, event.position + 1);
}

void EventCheck::lose(std::uint64_t count) {
  lost_ += count;
  unexplained_ += count;
  remaining_ = 0;
  is_stretch_known_ = false;
  advance(count);
}

void EventCheck::advance(std::uint64_t count) {
  next_ += count;
  if (stretch_events_ == 0 || next_ < stretch_->begin() + stretch_events_) return;
  const bool is_whole = count == 1 && is_stretch_known_;
  if (is_whole) check_stretch();
  stretch_ = std::make_unique<Stretch>(next_ - next_ % stretch_events_);
  is_stretch_known_ = next_ % stretch_events_ == 0;
}

void EventCheck::check_stretch() {
  for (const Stretch::Run* const run : stretch_->sorted()) {
    for (std::size_t begin = 0; begin < run->size(); begin += chunk_events_max)
      check_chunk(*run, begin, std::min(chunk_events_max, run->size() - begin));
  }
}

void EventCheck::check_chunk(const Stretch::Run& run, std::size_t begin, std::size_t count) {
  const bool must_be_there = stretch_->begin() < checkpoint_;
  const std::string chunk =
      "the chunk of the index for its events from " + number(run.first + begin) + " on (" + number(count) + ") ";
  const auto wrong = [&](int invariant, const std::string& what) {
    report_.add({.invariant = invariant,
                 .what = chunk + what,
                 .global_position = stretch_->begin() + run.offset(begin),
                 .stream = std::string(run.stream)});
  };
  rocksdb::PinnableSlice value;
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  const auto status = database_.db().Get(options, database_.index(), chunk_key(run.stream, run.first + begin), &value);
  if (status.IsNotFound()) {
    if (must_be_there) wrong(complete_index, "is missing");
    return;
  }
  if (!status.ok()) return wrong(intact_files, "cannot be read: " + status.ToString());
  std::vector<model::GlobalPosition> positions;
  for (std::size_t index = 0; index < count; ++index)
    positions.push_back(stretch_->begin() + run.offset(begin + index));
  if (view(value) != encode_chunk(positions))
    wrong(must_be_there ? complete_index : index_ahead, "is not what the events give");
}

}  // namespace thalo::store
