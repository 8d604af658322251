// Reads events from the column `events`, by global position.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/record.h"
#include "store/rocksdb/database.h"
#include "store/rocksdb/intact_reader.h"
#include "store/store.h"

namespace thalo::store {

// Shows a record; false to stop.
using RecordVisitor = base::FunctionRef<bool(const Record&)>;

// Reads one stream's events from the places that the index told. Made for one read, on one thread; the database must
// outlive it.
class StreamReader {
 public:
  // `keeps_blocks`: what is read may be read again soon.
  StreamReader(Database& database, std::string_view stream, bool keeps_blocks)
      : database_(database), stream_(stream), keeps_blocks_(keeps_blocks) {}

  // Shows the events at `positions` (ascending), whose first has stream position `first`, in the given direction.
  // DATA_LOSS names the event that is missing, damaged or another stream's. False: the visitor stopped.
  base::Result<bool> read(std::span<const model::GlobalPosition> positions, model::Position first, Direction direction,
                          EventVisitor visit);

 private:
  base::Result<bool> read_window(std::span<const model::GlobalPosition> positions, model::Position first,
                                 Direction direction, EventVisitor visit);
  base::Result<bool> walk(std::span<const model::GlobalPosition> positions, model::Position first, Direction direction,
                          EventVisitor visit);
  base::Result<bool> look_up(std::span<const model::GlobalPosition> positions, model::Position first,
                             Direction direction, EventVisitor visit);
  rocksdb::ReadOptions options() const;
  base::Result<bool> show(model::GlobalPosition at, model::Position position, std::string_view bytes,
                          EventVisitor visit) const;

  Database& database_;
  const std::string_view stream_;
  const bool keeps_blocks_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
  std::optional<IntactReader> intact_;  // once the engine has failed
};

// How many events of the same command follow the event at `position`. DATA_LOSS names it when it is missing or damaged.
base::Result<std::uint32_t> read_remaining(Database& database, model::GlobalPosition position);

// Shows the records at [begin, end) in order. DATA_LOSS names the first that is missing or damaged. Any thread.
base::Result<> scan_events(Database& database, model::GlobalPosition begin, model::GlobalPosition end,
                           RecordVisitor visit);

}  // namespace thalo::store
