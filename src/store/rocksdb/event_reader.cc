#include "store/rocksdb/event_reader.h"

#include <algorithm>
#include <array>
#include <string>

#include "store/varint.h"

namespace thalo::store {
namespace {

using base::Code;

// Positions read together. Where they lie so close that they are within this many events of each other on average,
// walking over the ones between is cheaper than looking each up.
constexpr std::size_t window_events = 64;
constexpr std::uint64_t walk_gap_max = 12;
constexpr std::size_t walk_events_min = 8;
// A look-up holds its values until they are shown: no more than this at once.
constexpr std::uint64_t look_up_bytes_max = std::uint64_t{8} << 20;
// Scans of more than this do not push other readers' blocks out of the cache.
constexpr std::uint64_t cached_scan_events_max = 10'000;

using Key = std::array<char, sizeof(model::GlobalPosition)>;

Key key_of(model::GlobalPosition position) {
  Key key;
  put_big_endian64(key.data(), position);
  return key;
}

rocksdb::Slice slice(const Key& key) { return {key.data(), key.size()}; }

std::string at(model::GlobalPosition position) { return "global position " + std::to_string(position); }

std::unexpected<base::Error> missing(model::GlobalPosition position) {
  return base::fail(Code::data_loss, "the event at " + at(position) + " is missing; restore the store from a backup");
}

std::unexpected<base::Error> unreadable(const rocksdb::Status& status, model::GlobalPosition position) {
  if (status.IsNotFound()) return missing(position);
  return engine_failure(status, "reading the event at " + at(position));
}

// Places `iterator` on `position`, by a step when it stands right beside it.
base::Result<> move_to(rocksdb::Iterator& iterator, model::GlobalPosition position, Direction direction) {
  const Key key = key_of(position);
  bool there = false;
  for (std::uint64_t step = 0; step <= walk_gap_max && iterator.Valid() && !there; ++step) {
    const model::GlobalPosition here = get_big_endian64(view(iterator.key()));
    there = here == position;
    if (there) break;
    if (direction == Direction::forwards) {
      if (here > position || position - here > walk_gap_max) break;
      iterator.Next();
    } else {
      if (here < position || here - position > walk_gap_max) break;
      iterator.Prev();
    }
  }
  if (!there) {
    iterator.Seek(slice(key));
    there = iterator.Valid() && iterator.key() == slice(key);
  }
  if (there) return {};
  if (!iterator.status().ok()) return unreadable(iterator.status(), position);
  return missing(position);
}

}  // namespace

base::Result<bool> StreamReader::read(std::span<const model::GlobalPosition> positions, model::Position first,
                                      Direction direction, EventVisitor visit) {
  const bool forwards = direction == Direction::forwards;
  std::size_t begin = 0;
  std::size_t end = positions.size();
  while (begin < end) {
    const std::size_t count = std::min(window_events, end - begin);
    const std::size_t window = forwards ? begin : end - count;
    const auto more = read_window(positions.subspan(window, count), first + window, direction, visit);
    if (!more || !*more) return more;
    (forwards ? begin += count : end -= count);
  }
  return true;
}

base::Result<bool> StreamReader::read_window(std::span<const model::GlobalPosition> positions, model::Position first,
                                             Direction direction, EventVisitor visit) {
  const std::uint64_t reach = positions.back() - positions.front();
  const bool is_dense = positions.size() >= walk_events_min && reach <= positions.size() * walk_gap_max;
  return is_dense ? walk(positions, first, direction, visit) : look_up(positions, first, direction, visit);
}

rocksdb::ReadOptions StreamReader::options() const {
  rocksdb::ReadOptions options = iterator_options();
  options.fill_cache = keeps_blocks_;
  return options;
}

base::Result<bool> StreamReader::walk(std::span<const model::GlobalPosition> positions, model::Position first,
                                      Direction direction, EventVisitor visit) {
  if (!iterator_) iterator_.reset(database_.db().NewIterator(options(), database_.events()));
  const bool forwards = direction == Direction::forwards;
  for (std::size_t step = 0; step < positions.size(); ++step) {
    const std::size_t index = forwards ? step : positions.size() - 1 - step;
    if (auto moved = move_to(*iterator_, positions[index], direction); !moved) {
      // Damage in one file can stop the iterator in another.
      return look_up(forwards ? positions.subspan(index) : positions.first(index + 1), forwards ? first + index : first,
                     direction, visit);
    }
    const auto more = show(positions[index], first + index, view(iterator_->value()), visit);
    if (!more || !*more) return more;
  }
  return true;
}

base::Result<bool> StreamReader::look_up(std::span<const model::GlobalPosition> positions, model::Position first,
                                         Direction direction, EventVisitor visit) {
  std::array<Key, window_events> keys;
  std::array<rocksdb::Slice, window_events> slices;
  std::array<rocksdb::PinnableSlice, window_events> values;
  std::array<rocksdb::Status, window_events> statuses;
  for (std::size_t index = 0; index < positions.size(); ++index) {
    keys[index] = key_of(positions[index]);
    slices[index] = slice(keys[index]);
  }
  auto reading = options();
  if (positions.size() == 1) {
    statuses[0] = database_.db().Get(reading, database_.events(), slices[0], &values[0]);
  } else {
    reading.value_size_soft_limit = look_up_bytes_max;
    database_.db().MultiGet(reading, database_.events(), positions.size(), slices.data(), values.data(),
                            statuses.data(), true);
  }
  for (std::size_t step = 0; step < positions.size(); ++step) {
    const std::size_t index = direction == Direction::forwards ? step : positions.size() - 1 - step;
    // Left out because the others were large.
    if (statuses[index].IsAborted()) {
      values[index].Reset();
      statuses[index] = database_.db().Get(options(), database_.events(), slices[index], &values[index]);
    }
    if (statuses[index].IsCorruption() || statuses[index].IsIOError()) {
      if (!intact_) intact_.emplace(database_);
      values[index].Reset();
      statuses[index] = intact_->read(positions[index], values[index]);
    }
    if (!statuses[index].ok()) return unreadable(statuses[index], positions[index]);
    const auto more = show(positions[index], first + index, view(values[index]), visit);
    if (!more || !*more) return more;
    values[index].Reset();
  }
  return true;
}

base::Result<bool> StreamReader::show(model::GlobalPosition at, model::Position position, std::string_view bytes,
                                      EventVisitor visit) const {
  const auto record = decode_record(at, bytes);
  if (!record) return std::unexpected(record.error());
  if (record->event.stream != stream_ || record->event.position != position) {
    return base::fail(Code::data_loss, "the index of stream " + std::string(stream_) +
                                           " is damaged: the event at global position " + std::to_string(at) +
                                           " is not its event " + std::to_string(position) + " but event " +
                                           std::to_string(record->event.position) + " of " +
                                           std::string(record->event.stream) + "; restore the store from a backup");
  }
  return visit(record->event);
}

namespace {

// Event by event: where the iterator cannot go.
base::Result<> look_up_events(Database& database, model::GlobalPosition begin, model::GlobalPosition end,
                              RecordVisitor visit) {
  IntactReader reader(database);
  for (model::GlobalPosition next = begin; next < end; ++next) {
    rocksdb::PinnableSlice value;
    const auto status = reader.read(next, value);
    if (!status.ok()) return unreadable(status, next);
    const auto record = decode_record(next, view(value));
    if (!record) return std::unexpected(record.error());
    if (!visit(*record)) return {};
  }
  return {};
}

// Shows what the iterator has from `next` on without a gap; false when the visitor wants no more.
base::Result<bool> scan(rocksdb::Iterator& iterator, model::GlobalPosition& next, RecordVisitor visit) {
  const Key key = key_of(next);
  for (iterator.Seek(slice(key)); iterator.Valid(); iterator.Next()) {
    if (iterator.key().size() != sizeof next || get_big_endian64(view(iterator.key())) != next) break;
    const auto record = decode_record(next, view(iterator.value()));
    if (!record) return std::unexpected(record.error());
    ++next;
    if (!visit(*record)) return false;
  }
  return true;
}

}  // namespace

base::Result<std::uint32_t> read_remaining(Database& database, model::GlobalPosition position) {
  rocksdb::PinnableSlice value;
  const Key key = key_of(position);
  const auto status = database.db().Get({}, database.events(), slice(key), &value);
  if (!status.ok()) return unreadable(status, position);
  const auto record = decode_record(position, view(value));
  if (!record) return std::unexpected(record.error());
  return record->remaining;
}

base::Result<> scan_events(Database& database, model::GlobalPosition begin, model::GlobalPosition end,
                           RecordVisitor visit) {
  if (begin >= end) return {};
  const Key end_key = key_of(end);
  const rocksdb::Slice upper_bound = slice(end_key);
  const bool is_short = end - begin <= cached_scan_events_max;
  rocksdb::ReadOptions options = iterator_options();
  options.iterate_upper_bound = &upper_bound;
  options.fill_cache = is_short;
  options.adaptive_readahead = true;
  model::GlobalPosition next = begin;
  // What was stored last is in memory, and to look there alone opens no file.
  if (is_short) {
    options.read_tier = rocksdb::kMemtableTier;
    const std::unique_ptr<rocksdb::Iterator> newest(database.db().NewIterator(options, database.events()));
    const auto more = scan(*newest, next, visit);
    if (!more) return std::unexpected(more.error());
    if (!*more || next == end) return {};
    options.read_tier = rocksdb::kReadAllTier;
  }
  const std::unique_ptr<rocksdb::Iterator> iterator(database.db().NewIterator(options, database.events()));
  const auto more = scan(*iterator, next, visit);
  if (!more) return std::unexpected(more.error());
  if (!*more) return {};
  // Damage in one file stops the iterator although other files have what is next.
  if (!iterator->status().ok()) return look_up_events(database, next, end, visit);
  if (next != end) return missing(next);
  return {};
}

}  // namespace thalo::store
