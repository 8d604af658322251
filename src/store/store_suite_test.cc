// The engines that take the suite.
#include "store/store_suite.h"

#include "store/memory/memory_store.h"
#include "store/rocksdb/rocksdb_place.h"

namespace thalo::store {
namespace {

class MemoryPlace final : public StorePlace {
 public:
  std::unique_ptr<Store> open(const CommitLimits& limits) override {
    return std::make_unique<MemoryStore>(disk_, limits);
  }
  void hold_commits() override { disk_->hold_commits(); }
  void release_commits() override { disk_->release_commits(); }
  void wait_until_held() override { disk_->wait_until_held(); }
  void fail_next_write() override { disk_->fail_next_write("the test says so"); }
  void fail_next_sync() override { disk_->fail_next_sync("the test says so"); }
  void drop_unsynced() override { disk_->drop_unsynced(); }

 private:
  std::shared_ptr<MemoryDisk> disk_ = std::make_shared<MemoryDisk>();
};

std::string engine_name(const testing::TestParamInfo<StoreEngine>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Engines, StoreSuite,
                         testing::Values(StoreEngine{"memory", [] { return std::make_unique<MemoryPlace>(); }},
                                         StoreEngine{"rocksdb", [] { return std::make_unique<RocksdbPlace>(); }},
                                         // So short that nearly everything is read through the index on disk.
                                         StoreEngine{"rocksdb_short_stretches",
                                                     [] { return std::make_unique<RocksdbPlace>(7); }}),
                         engine_name);

}  // namespace
}  // namespace thalo::store
