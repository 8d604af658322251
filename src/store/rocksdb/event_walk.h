// Walks over all events of a database and goes on behind those that cannot be read.
#pragma once

#include "store/rocksdb/database.h"
#include "store/rocksdb/event_check.h"
#include "store/rocksdb/verify_report.h"

namespace thalo::store {

// Shows every entry of the column `events` to `check`. Unreadable stretches are reported and skipped.
void walk_events(Database& database, EventCheck& check, VerifyReport& report);

}  // namespace thalo::store
