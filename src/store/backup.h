// Backups of a store: a folder holds any number of them and keeps what they have in common once. A backup is made while
// the store is in use, and is a gapless prefix of its events with everything that was acknowledged before it began.
//
// A folder of backups is RocksDB's own (its backup engine's). One process at a time may write into it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/function_ref.h"
#include "base/result.h"
#include "model/event.h"
#include "store/verify.h"

namespace thalo::store {

struct Backup {
  std::uint32_t number = 0;  // counts from 1 in its folder
  std::int64_t time_ms = 0;  // when it was made, since the Unix epoch
  std::uint64_t size_bytes = 0;
  model::StoreId store_id{};
  // How many events the store had when the backup began. The backup has at least these.
  model::GlobalPosition events = 0;
};

struct BackupMade {
  Backup backup;
  std::uint64_t copied_bytes = 0;    // what was not in the folder yet
  model::GlobalPosition events = 0;  // in the backup, as opening it shows
};

// Hears, on a thread of the backup's, how many bytes were copied so far, at least. Return false to stop it.
using BackupProgress = base::FunctionRef<bool(std::uint64_t copied_bytes)>;

// The number that stands for the newest backup of a folder.
inline constexpr std::uint32_t newest_backup = 0;

// The sound-looking backups in `folder`, oldest first. NOT_FOUND: it holds none.
base::Result<std::vector<Backup>> list_backups(const std::filesystem::path& folder);

// Removes all but the newest `count` backups, and what only they needed.
base::Result<> keep_backups(const std::filesystem::path& folder, std::uint32_t count);

// Checks every file of a backup against the checksum it was copied with, and then the store in it as verify_store does.
base::Result<VerifySummary> verify_backup(const std::filesystem::path& folder, std::uint32_t number,
                                          VerifyObserver& observer);

struct Restored {
  Backup backup;
  model::GlobalPosition events = 0;
};
// Makes a store of a backup in `target`, which is empty or does not exist. Checksums are checked on the way, and the
// store is opened for reading at the end. DATA_LOSS: the backup is damaged.
base::Result<Restored> restore_backup(const std::filesystem::path& folder, std::uint32_t number,
                                      const std::filesystem::path& target);

}  // namespace thalo::store
