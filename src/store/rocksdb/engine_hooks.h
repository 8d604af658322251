// How tests get between the store and its disk.
#pragma once

#include <rocksdb/env.h>

#include "store/rocksdb_store.h"

namespace thalo::store {

struct EngineHooks {
  // Through which RocksDB reaches files and threads; null: the real one. Must outlive the store.
  rocksdb::Env* env = nullptr;
};

base::Result<std::unique_ptr<Store>> open_rocksdb_store(const RocksdbOptions& options, const EngineHooks& hooks);

}  // namespace thalo::store
