// Making a backup of an open database.
#pragma once

#include <filesystem>

#include "store/backup.h"
#include "store/rocksdb/database.h"

namespace thalo::store {

// `events` is the number of durable events now. The new backup is opened and compared before it counts as made.
base::Result<BackupMade> make_backup(Database& database, const model::StoreId& id, model::GlobalPosition events,
                                     const std::filesystem::path& folder, BackupProgress progress);

}  // namespace thalo::store
