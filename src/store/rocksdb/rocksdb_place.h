// A temporary folder on a faulty disk, for tests of the RocksDB engine.
#pragma once

#include <gtest/gtest.h>
#include <rocksdb/system_clock.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "env/files.h"
#include "store/rocksdb/engine_hooks.h"
#include "store/rocksdb/fault_file_system.h"
#include "store/store_suite.h"

namespace thalo::store {

// RocksDB waits for a second after a failed flush or merge, also when it is being closed.
class ImpatientEnv final : public rocksdb::EnvWrapper {
 public:
  explicit ImpatientEnv(std::unique_ptr<rocksdb::Env> env) : EnvWrapper(std::move(env)) {
    file_system_ = target()->GetFileSystem();
    system_clock_ = std::make_shared<Clock>(target()->GetSystemClock());
  }

 private:
  class Clock final : public rocksdb::SystemClockWrapper {
   public:
    using SystemClockWrapper::SystemClockWrapper;
    const char* Name() const override { return "ImpatientClock"; }
    void SleepForMicroseconds(int us) override { SystemClockWrapper::SleepForMicroseconds(std::min(us, 1000)); }
  };
};

class RocksdbPlace final : public StorePlace {
 public:
  explicit RocksdbPlace(std::uint32_t stretch_events = 65'536) : stretch_events_(stretch_events) {}
  ~RocksdbPlace() override { std::filesystem::remove_all(folder_); }

  const std::filesystem::path& path() const { return folder_; }
  FaultFileSystem& disk() { return *disk_; }

  RocksdbOptions options(const CommitLimits& limits = {}) const {
    RocksdbOptions options{.path = folder_, .commit = limits};
    options.stretch_events = stretch_events_;
    // With short stretches everything is looked up as if it had been forgotten.
    if (stretch_events_ < 65'536) options.head_cache_streams = 0;
    return options;
  }
  base::Result<std::unique_ptr<Store>> try_open(const RocksdbOptions& options) {
    return open_rocksdb_store(options, EngineHooks{.env = env_.get()});
  }

  std::unique_ptr<Store> open(const CommitLimits& limits) override {
    auto store = try_open(options(limits));
    EXPECT_TRUE(store) << store.error().message;
    return store ? std::move(*store) : nullptr;
  }
  void hold_commits() override { disk_->hold_logs(); }
  void release_commits() override { disk_->release_logs(); }
  void wait_until_held() override { disk_->wait_until_held(); }
  void fail_next_write() override { disk_->fail_next_append(".log"); }
  void fail_next_sync() override { disk_->fail_next_sync(".log"); }
  void drop_unsynced() override { disk_->drop_unsynced(); }

 private:
  const std::uint32_t stretch_events_;
  const std::filesystem::path folder_ = env::make_temporary_folder("thalo-store-").value();
  const std::shared_ptr<FaultFileSystem> disk_ = std::make_shared<FaultFileSystem>();
  const std::unique_ptr<rocksdb::Env> env_ = std::make_unique<ImpatientEnv>(rocksdb::NewCompositeEnv(disk_));
};

}  // namespace thalo::store
