// RocksDB, opened and tuned for the store: its columns, its errors as values. Only this folder includes RocksDB.
#pragma once

#include <rocksdb/db.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/event.h"
#include "store/poison.h"
#include "store/rocksdb/engine_hooks.h"
#include "store/rocksdb/kept_iterators.h"
#include "store/rocksdb/log_check.h"
#include "store/rocksdb/store_folder.h"

namespace thalo::store {

inline rocksdb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view view(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

// An engine's failure to read as an error; `doing` says what failed, e.g. "reading the index of stream counter-a".
inline constexpr std::string_view damage_advice =
    "; restore the store from a backup, or stop it and see by `thalo verify --store` what is damaged";
base::Error engine_error(const rocksdb::Status& status, std::string_view doing,
                         std::string_view advice = damage_advice);
// The same of a failure to write: whatever the disk says, nothing that was acknowledged is lost.
base::Error write_error(const rocksdb::Status& status, std::string_view doing);
inline std::unexpected<base::Error> engine_failure(const rocksdb::Status& status, std::string_view doing) {
  return std::unexpected(engine_error(status, doing));
}

// What every iterator is made with. There are no deleted ranges; and looking for them, RocksDB 7.9.2 takes a file whose
// first block cannot be read for the end of all files.
inline rocksdb::ReadOptions iterator_options() {
  rocksdb::ReadOptions options;
  options.ignore_range_deletions = true;
  return options;
}

// The columns by their numbers in the database, which are those of their places in column_descriptors.
inline constexpr std::size_t default_column = 0;
inline constexpr std::size_t events_column = 1;
inline constexpr std::size_t index_column = 2;
inline constexpr std::size_t cursors_column = 3;
inline constexpr std::size_t snapshots_column = 4;

// The keys of the column `default`.
inline constexpr std::string_view id_key = "id";
inline constexpr std::string_view stretch_events_key = "stretch_events";

// A database to be read and not changed: that of a closed store, or one inside a backup.
struct ReadOnlySource {
  std::string name;                 // of the store, for messages
  std::filesystem::path database;   // as the engine is to name it
  std::filesystem::path logs;       // the folder where its logs are
  std::optional<LogsCut> cut = {};  // where they end
  // Through which the engine reaches the files; null: the real ones. Must outlive the database.
  rocksdb::Env* env = nullptr;
  // Opens what can be opened although files are missing or of another size, for finding out what is wrong.
  bool is_tolerant = false;
};

// An open database and its columns. Any thread; must be destroyed after every iterator made from it.
class Database {
 public:
  // Opens the database of a locked folder, makes it when the folder is new. A later background error of the engine sets
  // `poison`, which must outlive the database.
  static base::Result<std::unique_ptr<Database>> open(StoreFolder& folder, const RocksdbOptions& options,
                                                      const EngineHooks& hooks, Poison& poison);
  // Opens for reading and changes nothing. Checks what `open` checks.
  static base::Result<std::unique_ptr<Database>> open_read_only(const ReadOnlySource& source, const model::StoreId& id,
                                                                Poison& poison);
  // The same without the checks: the numbers below are not known.
  static base::Result<std::unique_ptr<Database>> open_unchecked(const ReadOnlySource& source, Poison& poison);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  rocksdb::DB& db() { return *db_; }
  // Writes in one atomic step, and if `sync`, durably, together with everything written before. What is written says
  // how far the log was synced before it, so that an unfinished write can be told from damage (log_check.h): nothing is
  // written to the database in another way. Who syncs waits for others that do, and fails when one write has failed.
  rocksdb::Status write(rocksdb::WriteBatch& batch, bool sync);
  rocksdb::ColumnFamilyHandle* meta() const { return columns_[default_column]; }
  rocksdb::ColumnFamilyHandle* events() const { return columns_[events_column]; }
  rocksdb::ColumnFamilyHandle* index() const { return columns_[index_column]; }
  rocksdb::ColumnFamilyHandle* cursors() const { return columns_[cursors_column]; }
  rocksdb::ColumnFamilyHandle* snapshots() const { return columns_[snapshots_column]; }

  // An iterator over the column `index` that ends where the stream does that it was sought in.
  void take_index_iterator(KeptIterators::Lease& lease) { index_iterators_.take(*db_, index(), lease); }

  std::uint32_t stretch_events() const { return stretch_events_; }
  // The number of events in the store: found at opening, when their files were checked to be gapless.
  model::GlobalPosition head_at_open() const { return head_at_open_; }

 private:
  Database();
  base::Result<> write_meta(StoreFolder& folder, const RocksdbOptions& options);
  base::Result<> read_meta(const std::string& name, const model::StoreId& id);
  struct EventsFile {
    std::string name;
    std::string path;
    model::GlobalPosition begin;
    model::GlobalPosition end;
  };
  base::Result<> find_head(const std::string& name);
  base::Result<> count_events(const std::string& name, std::span<const EventsFile> files);
  base::Result<> count_logged_events(const std::string& name);

  std::unique_ptr<rocksdb::Env> read_only_env_;
  KeptIterators index_iterators_;  // outlives the database, which tells it of changes
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> columns_;
  std::mutex sync_mutex_;                         // held while a write is synced
  rocksdb::Status failed_;                        // the first write that did; guarded by sync_mutex_
  std::atomic<std::uint64_t> synced_change_ = 0;  // the last one of the last synced write since the opening
  std::uint32_t stretch_events_ = 0;
  model::GlobalPosition head_at_open_ = 0;
};

}  // namespace thalo::store
