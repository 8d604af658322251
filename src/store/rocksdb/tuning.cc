#include "store/rocksdb/tuning.h"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/rate_limiter.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <thread>

#include "env/open_files.h"
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

// Writing and merging files can wait, commands cannot: RocksDB's threads rest after every piece of a file they write,
// so that none of them keeps a core for long. A store that opens has no commands yet and does not rest.
class PoliteWork final : public rocksdb::EventListener, public rocksdb::RateLimiter {
 public:
  void OnFlushBegin(rocksdb::DB* /*db*/, const rocksdb::FlushJobInfo& /*job*/) override { rested_ = thread_time(); }
  void OnFlushCompleted(rocksdb::DB* /*db*/, const rocksdb::FlushJobInfo& job) override {
    if (job.cf_name == "index") ++unmerged_;
  }
  void OnCompactionBegin(rocksdb::DB* /*db*/, const rocksdb::CompactionJobInfo& job) override {
    // Called on the thread that merges, which does nothing else. On Linux a priority is the thread's own; RocksDB could
    // give it the lowest only, and a merge must not starve.
    constexpr int niceness = 5;
    thread_local const int done = ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), niceness);
    static_cast<void>(done);
    rested_ = thread_time();
    merges_index_ = job.cf_name == "index";
    // A merge takes all there are.
    if (const int files = flushed_files(job); merges_index_ && files > 0) unmerged_ = files;
  }
  void OnCompactionCompleted(rocksdb::DB* /*db*/, const rocksdb::CompactionJobInfo& job) override {
    if (job.cf_name == "index") unmerged_ -= flushed_files(job);
  }
  void OnStallConditionsChanged(const rocksdb::WriteStallInfo& info) override {
    using rocksdb::WriteStallCondition;
    const auto waits = [](WriteStallCondition condition) { return condition != WriteStallCondition::kNormal ? 1 : 0; };
    stalled_columns_ += waits(info.condition.cur) - waits(info.condition.prev);
  }

  // Called by a flush or a merge before it writes a piece of a file.
  using RateLimiter::Request;
  void Request(std::int64_t /*bytes*/, rocksdb::Env::IOPriority priority,
               rocksdb::Statistics* /*statistics*/) override {
    if (!rested_) return;
    const auto now = thread_time();
    const auto rest = std::min<std::chrono::nanoseconds>(rests(priority) * (now - *rested_), rest_max);
    if (rest.count() > 0) std::this_thread::sleep_for(rest);
    rested_ = now;
  }
  // Time is what it limits, not bytes.
  std::int64_t GetSingleBurstBytes() const override { return INT64_MAX; }
  std::int64_t GetBytesPerSecond() const override { return INT64_MAX; }
  void SetBytesPerSecond(std::int64_t /*bytes*/) override {}
  std::int64_t GetTotalBytesThrough(rocksdb::Env::IOPriority /*priority*/) const override { return 0; }
  std::int64_t GetTotalRequests(rocksdb::Env::IOPriority /*priority*/) const override { return 0; }

 private:
  // A merge begins with four flushed files of the index; with so many it does not rest at all.
  static constexpr int unmerged_max = 8;
  static constexpr int merge_rests_max = 8;
  static constexpr std::chrono::milliseconds rest_max{50};

  // How many times as long as it has worked a thread rests. Not at all when writers wait for it (IO_USER: they already
  // did when it began).
  int rests(rocksdb::Env::IOPriority priority) const {
    if (stalled_columns_ > 0) return 0;
    if (priority == rocksdb::Env::IO_HIGH) return 1;  // a flush
    if (priority != rocksdb::Env::IO_LOW) return 0;
    return merges_index_ ? std::clamp(2 * (unmerged_max - unmerged_), 0, merge_rests_max) : 1;
  }

  static std::chrono::nanoseconds thread_time() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  }

  static int flushed_files(const rocksdb::CompactionJobInfo& job) {
    return static_cast<int>(std::ranges::count(job.input_file_infos, 0, &rocksdb::CompactionFileInfo::level));
  }

  static inline thread_local std::optional<std::chrono::nanoseconds> rested_;  // its time when this thread last rested
  static inline thread_local bool merges_index_ = false;
  std::atomic<int> unmerged_ = 0;
  std::atomic<int> stalled_columns_ = 0;
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
  // Keys come sorted, a stretch at a time: each is looked for from where the last one was put.
  column.memtable_insert_with_hint_prefix_extractor.reset(rocksdb::NewCappedPrefixTransform(0));
  auto table = table_options(cache, std::size_t{8} * 1024);
  // A ribbon filter would take a third less and is made at the end of a merge in one go, a fifth of all of its work.
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
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
  const auto polite = std::make_shared<PoliteWork>();
  database.listeners.push_back(polite);
  database.rate_limiter = polite;
  database.delayed_write_rate = 16 * mebibyte;
  // The pieces between which it rests: a few milliseconds of work each.
  database.writable_file_max_buffer_size = std::size_t{64} * 1024;
  database.max_bgerror_resume_count = 0;

  // One thread writes nearly everything: inserting keys that only grow is fastest without concurrency.
  database.allow_concurrent_memtable_write = false;
  database.enable_write_thread_adaptive_yield = false;
  database.max_background_jobs = 2;
  database.bytes_per_sync = mebibyte;
  database.max_total_wal_size = 2 * options.events_buffer_bytes + 2 * options.index_buffer_bytes;
  constexpr std::size_t open_files_max = 1024;
  database.max_open_files = static_cast<int>(std::min(open_files_max, env::store_files_max()));
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
  // In eight parts: a part keeps nothing larger than itself, and the filter of a file of the index has up to 2 MiB. In
  // 64 parts, as RocksDB would have it, every look-up would read it anew.
  constexpr int part_bits = 3;
  const auto cache = rocksdb::NewLRUCache(options.cache_bytes, part_bits);
  return {{rocksdb::kDefaultColumnFamilyName, small_options(cache)},
          {"events", events_options(options, cache)},
          {"index", index_options(options, cache)},
          {"cursors", small_options(cache)},
          {"snapshots", small_options(cache)}};
}

}  // namespace thalo::store
