// A file system that fails and forgets as a test says, below the real RocksDB. For tests.
#pragma once

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace thalo::store {

// Passes everything on to the real file system and keeps, for every file written through it, how much of it was synced.
// Any thread.
class FaultFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  FaultFileSystem() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}

  // --- switches ---

  // The next append to, or sync of, a file with this ending fails; only that one.
  void fail_next_append(std::string ending);
  void fail_next_sync(std::string ending);
  // Appends to logs wait until released.
  void hold_logs();
  void release_logs();
  void wait_until_held();
  // From now on nothing reaches the disk: the moment of a power cut. The `countdown`-th write or sync from now is the
  // first that fails.
  void cut_power_after(std::uint64_t countdown);
  bool is_power_cut() const;
  // Syncs of files so far, failed ones too.
  std::uint64_t syncs() const;
  // What a power cut leaves, once the database is closed: every file up to what was synced; files whose folder was not
  // synced since they were made are gone. When `random` is given, also a random part of what was not synced, with
  // pages of logs unwritten, and renames that were not synced may be undone. Power is back afterwards.
  void drop_unsynced(std::mt19937* random = nullptr);

  // --- rocksdb::FileSystem ---

  const char* Name() const override { return "FaultFileSystem"; }
  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus ReopenWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* file,
                                       rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus ReuseWritableFile(const std::string& path, const std::string& old_path,
                                      const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSWritableFile>* file,
                                      rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewDirectory(const std::string& path, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* directory,
                                 rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;

 private:
  class File;
  class Directory;
  struct Written {
    std::uint64_t size = 0;
    std::uint64_t synced = 0;
    bool in_folder = false;  // its folder was synced since it was made
  };

  void wait_while_held(const std::string& path);
  // Whether this write or sync may go on; `failing` is the switch for its kind.
  rocksdb::IOStatus admit(const std::string& path, std::string& failing, const char* what);
  void wrote(const std::string& path, std::uint64_t bytes);
  void synced(const std::string& path);
  void synced_folder();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Written> files_;
  std::vector<std::pair<std::string, std::string>> unsynced_renames_;  // the new name and what it replaced
  std::string failing_append_;
  std::string failing_sync_;
  std::uint64_t countdown_ = UINT64_MAX;
  std::uint64_t syncs_ = 0;
  bool hold_ = false;
  bool held_ = false;
};

}  // namespace thalo::store
