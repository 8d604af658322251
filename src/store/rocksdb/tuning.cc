#include "store/rocksdb/tuning.h"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "store/rocksdb/chunk.h"
#include "store/rocksdb/database.h"

namespace thalo::store {
namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;

// Any failure of a flush or a compaction poisons the store; RocksDB must not resume by itself behind our back.
class BackgroundErrors final : public rocksdb::EventListener {
 public:
  explicit BackgroundErrors(Poison& poison) : poison_(poison) {}
  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* status) override {
    poison_.set(std::string(name(reason)) + " failed: " + status->ToString());
  }
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason /*reason*/, rocksdb::Status /*error*/,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }

 private:
  static std::string_view name(rocksdb::BackgroundErrorReason reason) {
    using enum rocksdb::BackgroundErrorReason;
    switch (reason) {
      case kFlush:
      case kFlushNoWAL:
        return "writing a full buffer to its file";
      case kCompaction:
        return "merging files";
      case kWriteCallback:
        return "writing or syncing the log";
      case kMemTable:
        return "adding to a buffer";
      case kManifestWrite:
      case kManifestWriteNoWAL:
        return "writing the list of files";
    }
    return "background work";
  }
  Poison& poison_;
};

// Merging files can wait, commands cannot.
class PoliteMerges final : public rocksdb::EventListener {
 public:
  void OnCompactionBegin(rocksdb::DB* /*db*/, const rocksdb::CompactionJobInfo& /*job*/) override {
    // Called on the thread that merges, which does nothing else. On Linux a priority is the thread's own; RocksDB could
    // give it the lowest only, and a merge must not starve.
    constexpr int niceness = 5;
    thread_local const int done = ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), niceness);
    static_cast<void>(done);
  }
};

// The stream of an index key, so that a bloom filter tells at once which files know a stream.
class StreamOfChunkKey final : public rocksdb::SliceTransform {
 public:
  const char* Name() const override { return "thalo.StreamOfChunkKey"; }
  rocksdb::Slice Transform(const rocksdb::Slice& key) const override { return slice(chunk_key_prefix(view(key))); }
  bool InDomain(const rocksdb::Slice& key) const override { return is_chunk_key(view(key)); }
};

rocksdb::BlockBasedTableOptions table_options(const std::shared_ptr<rocksdb::Cache>& cache, std::size_t block_bytes) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.block_size = block_bytes;
  table.format_version = 5;
  table.checksum = rocksdb::kXXH3;
  // Indexes and filters live in the cache too: what is open is then bounded by the cache, not by the size of the store.
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  return table;
}

rocksdb::ColumnFamilyOptions small_options(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions column;
  column.write_buffer_size = 4 * mebibyte;
  column.max_write_buffer_number = 2;
  column.compression = rocksdb::kLZ4Compression;
  column.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table_options(cache, 4096)));
  return column;
}

rocksdb::ColumnFamilyOptions events_options(const RocksdbOptions& options,
                                            const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions column;
  column.write_buffer_size = options.events_buffer_bytes;
  column.max_write_buffer_number = 3;
  // Keys only grow, so files never overlap and a compaction moves them down without rewriting them; that needs the same
  // compression on every level. Large blocks compress better and are what a replay reads; nobody looks up a single key
  // without wanting its neighbours' file.
  column.compression = rocksdb::kLZ4Compression;
  column.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table_options(cache, std::size_t{16} * 1024)));
  column.target_file_size_base = 2 * options.events_buffer_bytes;
  column.max_bytes_for_level_base = 16 * options.events_buffer_bytes;
  // Moving is cheap; do not slow writers down because a few files have not been moved yet.
  column.level0_slowdown_writes_trigger = 64;
  column.level0_stop_writes_trigger = 96;
  column.soft_pending_compaction_bytes_limit = 0;
  column.hard_pending_compaction_bytes_limit = 0;
  return column;
}

rocksdb::ColumnFamilyOptions index_options(const RocksdbOptions& options,
                                           const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions column;
  column.write_buffer_size = options.index_buffer_bytes;
  column.max_write_buffer_number = 3;
  column.compression = rocksdb::kLZ4Compression;
  column.prefix_extractor = std::make_shared<StreamOfChunkKey>();
  column.memtable_prefix_bloom_size_ratio = 0.05;
  auto table = table_options(cache, std::size_t{8} * 1024);
  table.filter_policy.reset(rocksdb::NewRibbonFilterPolicy(10, 1));
  table.whole_key_filtering = false;
  column.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  column.target_file_size_base = 2 * options.index_buffer_bytes;
  column.max_bytes_for_level_base = 8 * options.index_buffer_bytes;
  column.level0_slowdown_writes_trigger = 32;
  column.level0_stop_writes_trigger = 48;
  return column;
}

}  // namespace

rocksdb::DBOptions database_options(const RocksdbOptions& options, const EngineHooks& hooks, Poison& poison) {
  rocksdb::DBOptions database;
  if (hooks.env != nullptr) database.env = hooks.env;
  // What a crash may leave at the end of the logs is dropped before RocksDB sees them (log_check.h); anything else that
  // is wrong refuses to open. Reused logs would make the two look the same, so there are none.
  database.wal_recovery_mode = rocksdb::WALRecoveryMode::kAbsoluteConsistency;
  database.recycle_log_file_num = 0;
  database.track_and_verify_wals_in_manifest = true;
  database.paranoid_checks = true;
  database.listeners.push_back(std::make_shared<BackgroundErrors>(poison));
  database.listeners.push_back(std::make_shared<PoliteMerges>());
  database.max_bgerror_resume_count = 0;

  // One thread writes nearly everything: inserting keys that only grow is fastest without concurrency.
  database.allow_concurrent_memtable_write = false;
  database.enable_write_thread_adaptive_yield = false;
  database.max_background_jobs = 2;
  database.bytes_per_sync = mebibyte;
  database.max_total_wal_size = 2 * options.events_buffer_bytes + 2 * options.index_buffer_bytes;
  database.max_open_files = 1024;
  // The few files that are opened at the start are opened faster than sixteen threads a column are started.
  database.max_file_opening_threads = 1;
  database.avoid_unnecessary_blocking_io = true;

  database.info_log_level = rocksdb::WARN_LEVEL;
  database.max_log_file_size = mebibyte;
  database.keep_log_file_num = 2;
  database.stats_dump_period_sec = 0;
  database.stats_persist_period_sec = 0;
  database.skip_stats_update_on_db_open = true;
  return database;
}

std::vector<rocksdb::ColumnFamilyDescriptor> column_descriptors(const RocksdbOptions& options) {
  const auto cache = rocksdb::NewLRUCache(options.cache_bytes);
  return {{rocksdb::kDefaultColumnFamilyName, small_options(cache)},
          {"events", events_options(options, cache)},
          {"index", index_options(options, cache)},
          {"cursors", small_options(cache)},
          {"snapshots", small_options(cache)}};
}

}  // namespace thalo::store
