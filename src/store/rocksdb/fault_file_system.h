// A file system that fails and forgets as a test says, below the real RocksDB. For tests.
#pragma once

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <ostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace thalo::store {

// What RocksDB asks of a disk that changes something on it.
enum class DiskOperation : std::uint8_t { write, sync, sync_folder, create, rename, remove };

// One operation that is to fail.
struct DiskFault {
  DiskOperation operation = DiskOperation::write;
  std::string part = {};        // of the file's name; empty: any
  std::uint64_t countdown = 1;  // 1: the next such operation
  // A write that fails leaves this many of its bytes behind, if it has more.
  std::uint64_t torn_bytes = 0;
  // RocksDB is told that the disk is busy. Of a log it takes that for something that passes: it calls no listener and
  // goes on writing behind what is missing.
  bool seems_to_pass = false;
};

// Passes everything on to real files and keeps, for every file written through it, how much of it was synced. Any
// thread.
//
// What a power cut may do is that of a journaling file system: of bytes that were not synced any pages may be missing,
// and read as zeros; new names, renames and deletions reach the disk in their order, so that the last of those that
// were not synced are undone. A failed sync may have dropped what it was to write: syncing again does not bring it
// back.
class FaultFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  FaultFileSystem() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}

  // --- switches ---

  // The operation that is described fails, once; everything before and after it works. Replaces an older fault.
  void fail(DiskFault fault);
  void clear_fault();
  void fail_next_append(std::string part) { fail({.operation = DiskOperation::write, .part = std::move(part)}); }
  void fail_next_sync(std::string part) { fail({.operation = DiskOperation::sync, .part = std::move(part)}); }
  // Faults that have happened so far.
  std::uint64_t faults() const;
  // Appends to logs wait until released.
  void hold_logs();
  void release_logs();
  void wait_until_held();
  // The moment of a power cut: the `countdown`-th operation from now is the first that fails, and so do all after it.
  void cut_power_after(std::uint64_t countdown);
  bool is_power_cut() const;
  // From now on syncs are only noted: what a test asks is what was asked of the disk, and it does not wait for it.
  void sync_in_name_only();
  // From now on syncs succeed and do nothing: a disk that lies, for tests of the tests.
  void ignore_syncs();
  // Syncs of files so far, failed ones too.
  std::uint64_t syncs() const;

  // What a power cut leaves, once the database is closed: every file up to what was synced, under the names that were
  // synced. When `random` is given, also a random part of what was not synced, with pages of logs unwritten. Power is
  // back afterwards.
  void drop_unsynced(std::mt19937* random = nullptr);
  // What the death of the process leaves: everything that reached the operating system. Power is back afterwards.
  void keep_unsynced();

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
    // What failed syncs were to write, from and to.
    std::vector<std::pair<std::uint64_t, std::uint64_t>> dropped = {};
  };
  // Something at a path before it was replaced or deleted; what was written to it when it is not all on the disk.
  struct Former {
    std::string content;
    std::optional<Written> written;
  };
  // A new name, a rename or a deletion that was not synced, and what it takes to undo it.
  struct NameChange {
    std::string path;
    std::string renamed_from = {};
    std::optional<Former> former = {};
  };

  void wait_while_held(const std::string& path);
  // Whether this operation may go on. Sets `torn_bytes`, when given, to what a failing write leaves behind.
  rocksdb::IOStatus admit(DiskOperation operation, const std::string& path, std::uint64_t* torn_bytes = nullptr);
  void wrote(const std::string& path, std::uint64_t bytes);
  bool syncs_really() const;
  void synced(const std::string& path);
  void sync_failed(const std::string& path);
  void synced_folder();
  std::optional<Former> look_at(const std::string& path);
  void undo(NameChange& change);
  void lose(const std::string& path, Written& written, std::mt19937* random);

  // Held while a name changes, so that a folder is not synced between a change and its being noted. Before `mutex_`.
  std::mutex names_mutex_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Written> files_;
  std::vector<NameChange> unsynced_names_;
  std::optional<DiskFault> fault_;
  std::uint64_t faults_ = 0;
  std::uint64_t countdown_ = UINT64_MAX;
  std::uint64_t syncs_ = 0;
  bool syncs_in_name_only_ = false;
  bool ignores_syncs_ = false;
  bool hold_ = false;
  bool held_ = false;
};

}  // namespace thalo::store
