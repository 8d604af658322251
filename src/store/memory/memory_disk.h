// What a MemoryStore keeps beyond its own life, and the switches by which a test makes the disk misbehave.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/store.h"

namespace thalo::store {

// Shared by the test and the store on it; any thread.
class MemoryDisk {
 public:
  MemoryDisk();

  // --- switches ---

  // The next write of events or of a cursor fails and leaves nothing behind.
  void fail_next_write(std::string reason);
  // The next sync fails: what was written stays on the disk, but unsynced.
  void fail_next_sync(std::string reason);
  // From now on a write of events waits before it touches the disk, and the committer with it, until release_commits().
  void hold_commits();
  void release_commits();
  // Blocks until the committer waits in a held write.
  void wait_until_held();
  // A power cut: what was not synced is gone. For use between two stores on this disk.
  void drop_unsynced();

  // --- the store's side ---

  const model::StoreId& id() const { return id_; }
  // Appends the records of a batch and syncs.
  base::Result<> write_events(std::vector<std::string> records);
  // Every record on the disk, synced or not.
  std::vector<std::string> read_events() const;
  base::Result<> write_cursor(std::string_view name, std::optional<Cursor> cursor);
  std::map<std::string, Cursor, std::less<>> read_cursors() const;
  void write_snapshot(std::string_view stream, std::optional<Snapshot> snapshot);
  std::optional<Snapshot> read_snapshot(std::string_view stream) const;

 private:
  base::Result<> take_failure(std::optional<std::string>& reason, std::string_view what);

  const model::StoreId id_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<std::string> write_failure_;
  std::optional<std::string> sync_failure_;
  bool hold_ = false;
  bool held_ = false;

  std::vector<std::string> records_;
  std::size_t synced_records_ = 0;
  std::map<std::string, Cursor, std::less<>> cursors_;
  std::map<std::string, Snapshot, std::less<>> snapshots_;
};

}  // namespace thalo::store
