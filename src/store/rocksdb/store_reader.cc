#include "store/rocksdb/store_reader.h"

#include <algorithm>

#include "store/filter_matcher.h"
#include "store/rocksdb/event_reader.h"
#include "store/rocksdb/small_values.h"
#include "store/stream_hash.h"

namespace thalo::store {
namespace {

// Positions taken from the index at once by a reader.
constexpr std::uint64_t read_positions_max = 4096;

}  // namespace

base::Result<std::uint64_t> StoreReader::read_stream(const StreamQuery& query, EventVisitor visit) const {
  StreamPlaces places(index_, query.stream, stream_hash(query.stream));
  const auto version = places.version();
  if (!version) return std::unexpected(version.error());
  return read_stream(query, places, *version, visit);
}

base::Result<std::uint64_t> StoreReader::read_stream(const StreamQuery& query, StreamPlaces& places,
                                                     std::uint64_t version, EventVisitor visit) const {
  const bool forwards = query.direction == Direction::forwards;
  if (version == 0 || (forwards && query.from >= version)) return 0;
  model::Position begin = forwards ? query.from : 0;
  model::Position end = forwards ? version : std::min(query.from, version - 1) + 1;
  if (end - begin > query.limit) (forwards ? end = begin + query.limit : begin = end - query.limit);
  // Who appends next keeps in memory what was read; the cache is for the others, and for the index.
  StreamReader reader(database_, query.stream, !query.append_follows);
  std::vector<model::GlobalPosition> positions;
  std::uint64_t shown = 0;
  const auto counted = [&](const model::EventView& event) {
    ++shown;
    return visit(event);
  };
  while (begin < end) {
    const std::uint64_t count = std::min(read_positions_max, end - begin);
    const model::Position first = forwards ? begin : end - count;
    if (auto found = places.positions(first, count, positions); !found)
      return std::unexpected(std::move(found.error()));
    const auto more = reader.read(positions, first, query.direction, counted);
    if (!more) return std::unexpected(more.error());
    if (!*more) break;
    (forwards ? begin += count : end -= count);
  }
  return shown;
}

base::Result<AllResult> StoreReader::read_all(const AllQuery& query, model::GlobalPosition head,
                                              EventVisitor visit) const {
  const FilterMatcher matcher(query.filter);
  AllResult result{.next = query.from};
  if (query.limit == 0 || query.from >= head) return result;
  const model::GlobalPosition end = query.from + std::min(query.scan_limit, head - query.from);
  const auto scanned = scan_events(database_, query.from, end, [&](const Record& record) {
    result.next = record.event.global_position + 1;
    if (!matcher.matches(record.event)) {
      ++result.skipped;
      return true;
    }
    ++result.shown;
    return visit(record.event) && result.shown < query.limit;
  });
  if (!scanned) return std::unexpected(scanned.error());
  return result;
}

base::Result<std::uint64_t> StoreReader::stream_version(std::string_view stream) const {
  return index_.version(stream, stream_hash(stream));
}

base::Result<std::uint64_t> StoreReader::list_streams(const StreamsQuery& query, StreamVisitor visit) const {
  return index_.list(query, visit);
}

base::Result<std::optional<Cursor>> StoreReader::load_cursor(std::string_view name) const {
  rocksdb::PinnableSlice value;
  const auto status = database_.db().Get({}, database_.cursors(), slice(name), &value);
  if (status.IsNotFound()) return std::nullopt;
  if (!status.ok()) return engine_failure(status, "loading the cursor " + std::string(name));
  return decode_cursor(name, view(value));
}

base::Result<std::vector<std::pair<std::string, Cursor>>> StoreReader::list_cursors() const {
  std::vector<std::pair<std::string, Cursor>> all;
  const std::unique_ptr<rocksdb::Iterator> iterator(database_.db().NewIterator(iterator_options(), database_.cursors()));
  for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) {
    const std::string_view name = view(iterator->key());
    auto cursor = decode_cursor(name, view(iterator->value()));
    if (!cursor) return std::unexpected(std::move(cursor.error()));
    all.emplace_back(name, *std::move(cursor));
  }
  if (!iterator->status().ok()) return engine_failure(iterator->status(), "listing the cursors");
  return all;
}

base::Result<std::optional<Snapshot>> StoreReader::load_snapshot(std::string_view stream) const {
  rocksdb::PinnableSlice value;
  const auto status = database_.db().Get({}, database_.snapshots(), slice(stream), &value);
  if (status.IsNotFound()) return std::nullopt;
  if (!status.ok()) return engine_failure(status, "loading the snapshot of stream " + std::string(stream));
  auto snapshot = decode_snapshot(stream, view(value));
  if (!snapshot) return std::unexpected(std::move(snapshot.error()));
  const auto version = stream_version(stream);
  if (!version) return std::unexpected(version.error());
  // A snapshot ahead of its stream holds what was never stored.
  if (snapshot->version > *version) return std::nullopt;
  return *std::move(snapshot);
}

}  // namespace thalo::store
