// How RocksDB is configured, and why.
#pragma once

#include <rocksdb/db.h>

#include <vector>

#include "store/poison.h"
#include "store/rocksdb/engine_hooks.h"

namespace thalo::store {

rocksdb::DBOptions database_options(const RocksdbOptions& options, const EngineHooks& hooks, Poison& poison);

// The columns in the order in which Database knows them.
std::vector<rocksdb::ColumnFamilyDescriptor> column_descriptors(const RocksdbOptions& options);

}  // namespace thalo::store
