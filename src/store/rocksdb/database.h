// RocksDB, opened and tuned for the store: its columns, its errors as values. Only this folder includes RocksDB.
#pragma once

#include <rocksdb/db.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/event.h"
#include "store/poison.h"
#include "store/rocksdb/engine_hooks.h"
#include "store/rocksdb/store_folder.h"

namespace thalo::store {

inline rocksdb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view view(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

// An engine's failure as an error; `doing` says what failed, e.g. "reading the index of stream counter-a".
base::Error engine_error(const rocksdb::Status& status, std::string_view doing);
inline std::unexpected<base::Error> engine_failure(const rocksdb::Status& status, std::string_view doing) {
  return std::unexpected(engine_error(status, doing));
}

// The columns by their numbers in the database, which are those of their places in column_descriptors.
inline constexpr std::size_t default_column = 0;
inline constexpr std::size_t events_column = 1;
inline constexpr std::size_t index_column = 2;
inline constexpr std::size_t cursors_column = 3;
inline constexpr std::size_t snapshots_column = 4;

// An open database and its columns. Any thread; must be destroyed after every iterator made from it.
class Database {
 public:
  // Opens the database of a locked folder, makes it when the folder is new. A later background error of the engine sets
  // `poison`, which must outlive the database.
  static base::Result<std::unique_ptr<Database>> open(StoreFolder& folder, const RocksdbOptions& options,
                                                      const EngineHooks& hooks, Poison& poison);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  rocksdb::DB& db() { return *db_; }
  rocksdb::ColumnFamilyHandle* events() const { return columns_[events_column]; }
  rocksdb::ColumnFamilyHandle* index() const { return columns_[index_column]; }
  rocksdb::ColumnFamilyHandle* cursors() const { return columns_[cursors_column]; }
  rocksdb::ColumnFamilyHandle* snapshots() const { return columns_[snapshots_column]; }

  std::uint32_t stretch_events() const { return stretch_events_; }
  // The number of events in the store: found at opening, when their files were checked to be gapless.
  model::GlobalPosition head_at_open() const { return head_at_open_; }

 private:
  Database() = default;
  base::Result<> read_or_write_meta(StoreFolder& folder, const RocksdbOptions& options);
  struct EventsFile {
    std::string name;
    std::string path;
    model::GlobalPosition begin;
    model::GlobalPosition end;
  };
  base::Result<> find_head(const StoreFolder& folder);
  base::Result<> count_events(const StoreFolder& folder, std::span<const EventsFile> files);

  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> columns_;
  std::uint32_t stretch_events_ = 0;
  model::GlobalPosition head_at_open_ = 0;
};

}  // namespace thalo::store
