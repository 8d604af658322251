// Checks that the column `index` holds no more than it may (I8, I9). That nothing is missing, and that each chunk is
// what the events give, EventCheck has seen.
#pragma once

#include "store/rocksdb/database.h"
#include "store/rocksdb/event_check.h"
#include "store/rocksdb/verify_report.h"

namespace thalo::store {

// `events` has seen all events.
void check_index(Database& database, std::uint32_t stretch_events, model::GlobalPosition checkpoint, EventCheck& events,
                 VerifyReport& report);

}  // namespace thalo::store
