// The check of a database, wherever it is.
#pragma once

#include <optional>

#include "store/rocksdb/database.h"
#include "store/rocksdb/verify_report.h"

namespace thalo::store {

// Checks everything from I2 on. `id` is what the store says it is; absent when it does not say.
void verify_database(ReadOnlySource source, const std::optional<model::StoreId>& id, VerifyReport& report);

}  // namespace thalo::store
