#include "store/rocksdb/kept_iterators.h"

#include <gtest/gtest.h>
#include <rocksdb/listener.h>
#include <rocksdb/statistics.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "env/files.h"
#include "store/rocksdb/chunk.h"
#include "store/rocksdb/database.h"

namespace thalo::store {
namespace {

// Listeners are told in their order: behind KeptIterators' own, everything is cleared that will be.
class Flushes final : public rocksdb::EventListener {
 public:
  void OnFlushCompleted(rocksdb::DB* /*db*/, const rocksdb::FlushJobInfo& /*job*/) override {
    const std::lock_guard lock(mutex_);
    ++done_;
    changed_.notify_all();
  }
  void wait(int flushes) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return done_ >= flushes; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int done_ = 0;
};

class KeptIteratorsTest : public testing::Test {
 protected:
  void SetUp() override {
    rocksdb::Options options;
    options.create_if_missing = true;
    options.level0_file_num_compaction_trigger = 100;
    options.listeners = {iterators_.listener(0), flushes_};
    options.statistics = statistics_;
    rocksdb::DB* db = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(options, folder_.string(), &db).ok());
    db_.reset(db);
  }
  void TearDown() override {
    iterators_.clear();
    db_.reset();
    std::filesystem::remove_all(folder_);
  }

  void put(const std::string& key) { ASSERT_TRUE(db_->Put({}, key, "value").ok()); }
  void flush() {
    ASSERT_TRUE(db_->Flush({}).ok());
    flushes_->wait(++flushed_);
  }
  void write_file() {
    put("a");
    put("z");
    flush();
  }
  void merge() { ASSERT_TRUE(db_->CompactRange({}, nullptr, nullptr).ok()); }
  void take(KeptIterators::Lease& lease) { iterators_.take(*db_, db_->DefaultColumnFamily(), lease); }
  bool is_there(const std::string& key) {
    KeptIterators::Lease iterator;
    take(iterator);
    iterator->Seek(key);
    EXPECT_TRUE(iterator->status().ok()) << iterator->status().ToString();
    return iterator->Valid() && iterator->key() == key;
  }
  std::uint64_t number(const std::string& property) {
    std::uint64_t value = 0;
    EXPECT_TRUE(db_->GetIntProperty(property, &value));
    return value;
  }
  // Sets of files that somebody still reads from, the newest one among them.
  std::uint64_t sets_of_files() { return number(rocksdb::DB::Properties::kNumLiveVersions); }
  std::uint64_t iterators_made() { return statistics_->getTickerCount(rocksdb::NO_ITERATOR_CREATED); }

  const std::filesystem::path folder_ = env::make_temporary_folder("thalo-kept-").value();
  const std::shared_ptr<rocksdb::Statistics> statistics_ = rocksdb::CreateDBStatistics();
  const std::shared_ptr<Flushes> flushes_ = std::make_shared<Flushes>();
  int flushed_ = 0;
  KeptIterators iterators_{rocksdb::ReadOptions()};
  std::unique_ptr<rocksdb::DB> db_;
};

TEST_F(KeptIteratorsTest, OneIsMadeForManyLookUps) {
  for (int look_up = 0; look_up < 10; ++look_up) is_there("a");
  EXPECT_EQ(iterators_made(), 1);
}

TEST_F(KeptIteratorsTest, OneThatWasUsedBeforeSeesWhatWasWrittenSince) {
  ASSERT_FALSE(is_there("a"));
  put("a");
  EXPECT_TRUE(is_there("a"));
  flush();
  put("b");
  EXPECT_TRUE(is_there("a"));
  EXPECT_TRUE(is_there("b"));
}

TEST_F(KeptIteratorsTest, OneThatWasUsedBeforeSeesWhatIsInANewBuffer) {
  put("a");
  ASSERT_TRUE(is_there("a"));
  // The buffer is replaced, and its flush, which would clear, does not come yet.
  ASSERT_TRUE(db_->PauseBackgroundWork().ok());
  rocksdb::FlushOptions only_begin;
  only_begin.wait = false;
  only_begin.allow_write_stall = true;
  ASSERT_TRUE(db_->Flush(only_begin).ok());
  put("b");
  EXPECT_TRUE(is_there("a"));
  EXPECT_TRUE(is_there("b"));
  ASSERT_TRUE(db_->ContinueBackgroundWork().ok());
}

TEST_F(KeptIteratorsTest, ABufferThatWasFlushedIsNotHeldByOneThatIsKept) {
  put("a");
  ASSERT_TRUE(is_there("a"));
  flush();
  EXPECT_EQ(number(rocksdb::DB::Properties::kSizeAllMemTables), number(rocksdb::DB::Properties::kCurSizeAllMemTables));
}

TEST_F(KeptIteratorsTest, FilesThatWereMergedAreNotHeldByOneThatIsKept) {
  write_file();
  write_file();
  ASSERT_TRUE(is_there("a"));
  merge();
  EXPECT_EQ(sets_of_files(), 1);
}

TEST_F(KeptIteratorsTest, FilesThatWereMergedAreNotHeldByOneThatWasInUse) {
  write_file();
  write_file();
  {
    KeptIterators::Lease iterator;
    take(iterator);
    merge();
    EXPECT_EQ(sets_of_files(), 2);
    iterator->Seek("a");
    EXPECT_TRUE(iterator->Valid());
  }
  EXPECT_EQ(sets_of_files(), 1);
}

TEST(Database, AFlushedBufferOfTheIndexIsNotHeldByAKeptIterator) {
  const auto path = env::make_temporary_folder("thalo-kept-").value();
  {
    auto folder = StoreFolder::open(path, true).value();
    Poison poison;
    const auto database = Database::open(folder, {}, {}, poison).value();
    rocksdb::DB& db = database->db();
    ASSERT_TRUE(db.Put({}, database->index(), chunk_key("a-1", 0), "chunk").ok());
    {
      KeptIterators::Lease iterator;
      database->take_index_iterator(iterator);
      iterator->Seek(chunk_key("a-1", 0));
      EXPECT_TRUE(iterator->Valid());
    }
    ASSERT_TRUE(db.Flush({}, database->index()).ok());
    // It is let go of on RocksDB's thread; a test that waits in vain is ended by the test runner.
    const auto bytes = [&](const std::string& property) {
      std::uint64_t value = 0;
      EXPECT_TRUE(db.GetIntProperty(database->index(), property, &value));
      return value;
    };
    while (bytes(rocksdb::DB::Properties::kSizeAllMemTables) != bytes(rocksdb::DB::Properties::kCurSizeAllMemTables))
      std::this_thread::yield();
  }
  std::filesystem::remove_all(path);
}

}  // namespace
}  // namespace thalo::store
