// Everything a store answers without writing, on an open database and its index.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/rocksdb/database.h"
#include "store/rocksdb/stream_index.h"
#include "store/store.h"

namespace thalo::store {

// Any thread. Its members are those of Store.
class StoreReader {
 public:
  // Both must outlive it.
  StoreReader(Database& database, const StreamIndex& index) : database_(database), index_(index) {}

  base::Result<std::uint64_t> read_stream(const StreamQuery& query, EventVisitor visit) const;
  // The same at the places and with the version that the caller found.
  base::Result<std::uint64_t> read_stream(const StreamQuery& query, StreamPlaces& places, std::uint64_t version,
                                          EventVisitor visit) const;
  // `head` is the number of events to read of.
  base::Result<AllResult> read_all(const AllQuery& query, model::GlobalPosition head, EventVisitor visit) const;
  base::Result<std::uint64_t> stream_version(std::string_view stream) const;
  base::Result<std::uint64_t> list_streams(const StreamsQuery& query, StreamVisitor visit) const;
  base::Result<std::optional<Cursor>> load_cursor(std::string_view name) const;
  base::Result<std::vector<std::pair<std::string, Cursor>>> list_cursors() const;
  base::Result<std::optional<Snapshot>> load_snapshot(std::string_view stream) const;

 private:
  Database& database_;
  const StreamIndex& index_;
};

}  // namespace thalo::store
