// Backups: consistent, incremental, checked; and stores made of them.
#include "store/backup.h"

#include <atomic>
#include <random>
#include <thread>

#include "store/rocksdb/damage_kit.h"

namespace thalo::store {
namespace {

namespace fs = std::filesystem;
using base::Code;
using testing::HasSubstr;

constexpr auto go_on = [](std::uint64_t) { return true; };

class Violations final : public VerifyObserver {
 public:
  void on_violation(const Violation& violation) override { found.push_back(violation); }
  void on_progress(std::string_view, std::uint64_t, std::uint64_t) override {}
  std::vector<Violation> found;
};

class BackupTest : public testing::Test {
 protected:
  ~BackupTest() override { fs::remove_all(work_); }

  std::string noise(std::size_t size) {
    std::string text;
    while (text.size() < size) text += static_cast<char>('!' + random_() % 90);
    return text;
  }
  BackupMade back_up(Store& store) {
    auto made = store.back_up(backups_, go_on);
    EXPECT_TRUE(made) << made.error().message;
    return made ? *made : BackupMade{};
  }
  std::unique_ptr<Store> restored(std::uint32_t number = newest_backup) {
    const auto target = work_ / ("restored" + std::to_string(++targets_));
    const auto done = restore_backup(backups_, number, target);
    EXPECT_TRUE(done) << done.error().message;
    auto store = open_rocksdb_store({.path = target, .create_if_missing = false});
    EXPECT_TRUE(store) << store.error().message;
    if (!store) return nullptr;
    EXPECT_EQ((*store)->head(), done->events);
    return *std::move(store);
  }
  std::vector<fs::path> files_below(const fs::path& folder, const std::string& extension) {
    std::vector<fs::path> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.path().extension() == extension) found.push_back(entry.path());
    }
    std::ranges::sort(found, {}, [](const fs::path& path) { return fs::file_size(path); });
    return found;
  }

  RocksdbPlace place_{20};
  const fs::path work_ = env::make_temporary_folder("thalo-backup-").value();
  const fs::path backups_ = work_ / "backups";
  std::mt19937 random_{1};
  int targets_ = 0;
};

TEST_F(BackupTest, ARestoredBackupIsTheStoreAsItWas) {
  auto store = place_.open({});
  for (int index = 0; index < 50; ++index) append_events(*store, "s-" + std::to_string(index % 3), {"1", "2"});
  ASSERT_TRUE(store->save_cursor("c", {.next = 3, .data = "d"}));
  ASSERT_TRUE(store->save_snapshot("s-1", {.version = 2, .module_digest = "m", .format = "f", .data = "x"}));
  const BackupMade made = back_up(*store);
  EXPECT_EQ(made.backup.number, 1u);
  EXPECT_EQ(made.events, 100u);
  EXPECT_EQ(made.backup.store_id, store->id());
  EXPECT_GT(made.backup.time_ms, 1'700'000'000'000);
  const auto events = read_all(*store);
  append_events(*store, "later-1", {"x"});
  const auto copy = restored();
  EXPECT_EQ(read_all(*copy), events);
  EXPECT_EQ(copy->id(), store->id());
  EXPECT_EQ(copy->load_cursor("c").value()->next, 3u);
  EXPECT_EQ(copy->load_snapshot("s-1").value()->data, "x");
  append_events(*copy, "s-1", {"goes on"});
  expect_consistent(*copy);
  EXPECT_EQ(store->head(), 101u) << "each goes its own way";
}

TEST_F(BackupTest, ABackupUnderLoadIsAGaplessPrefixWithEverythingAcknowledged) {
  auto store = place_.open({});
  std::atomic<bool> done = false;
  std::atomic<std::uint64_t> acknowledged = 0;
  std::thread writer([&] {
    for (int index = 0; !done; ++index) {
      const auto appended =
          append_and_wait(*store, make_append("s-" + std::to_string(index % 7), {"1", noise(3'000), "3"}));
      ASSERT_TRUE(appended);
      acknowledged = appended->first_global_position + appended->count;
    }
  });
  for (int round = 0; round < 8; ++round) {
    while (acknowledged < 100u * static_cast<unsigned>(round)) std::this_thread::yield();
    const std::uint64_t before = acknowledged;
    const BackupMade made = back_up(*store);
    EXPECT_GE(made.events, before);
    EXPECT_EQ(made.events % 3, 0u) << "a command is there whole or not at all";
    const auto copy = restored();
    expect_consistent(*copy);
    const auto copied = read_all(*copy);
    EXPECT_EQ(copied, read_all(*store, {.limit = copied.size()}));
  }
  done = true;
  writer.join();
  Violations violations;
  const auto all = list_backups(backups_).value();
  for (const Backup& backup : all) {
    EXPECT_TRUE(verify_backup(backups_, backup.number, violations));
  }
  EXPECT_EQ(violations.found.size(), 0u);
}

TEST_F(BackupTest, OnlyWhatIsNewIsCopied) {
  {
    auto store = place_.open({});
    for (int index = 0; index < 200; ++index) append_events(*store, "s-1", {noise(20'000)});
  }
  auto store = place_.open({});  // what was in the log is in files now
  const BackupMade first = back_up(*store);
  EXPECT_GT(first.copied_bytes, 3'000'000u);
  append_events(*store, "s-1", {noise(20'000)});
  const BackupMade second = back_up(*store);
  EXPECT_LT(second.copied_bytes, 100'000u);
  EXPECT_GT(second.backup.size_bytes, 3'000'000u) << "it needs the files of the first";
  EXPECT_EQ(restored(1)->head(), 200u);
  EXPECT_EQ(restored(2)->head(), 201u);
}

TEST_F(BackupTest, ADamagedBackupIsFoundAndNotRestored) {
  {
    auto store = place_.open({});
    for (int index = 0; index < 50; ++index) append_events(*store, "s-1", {noise(2'000)});
  }
  auto store = place_.open({});
  for (int index = 0; index < 50; ++index) append_events(*store, "s-1", {noise(2'000)});
  back_up(*store);
  for (const char* extension : {".sst", ".log"}) {
    const fs::path file = files_below(backups_, extension).back();
    flip_byte(file, fs::file_size(file) / 2);
    Violations violations;
    EXPECT_TRUE(verify_backup(backups_, newest_backup, violations));
    EXPECT_FALSE(violations.found.empty());
    const auto done = restore_backup(backups_, newest_backup, work_ / extension);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, Code::data_loss) << done.error().message;
    EXPECT_THAT(done.error().message, HasSubstr("restore another backup"));
    EXPECT_FALSE(open_rocksdb_store({.path = work_ / extension})) << "what was restored in part is no store";
    flip_byte(file, fs::file_size(file) / 2);
  }
  EXPECT_EQ(restored()->head(), 100u);
  const fs::path file = files_below(backups_, ".sst").back();
  fs::resize_file(file, fs::file_size(file) - 1);
  EXPECT_EQ(restore_backup(backups_, newest_backup, work_ / "short").error().code, Code::data_loss);
  const auto next = store->back_up(backups_, go_on);
  ASSERT_FALSE(next) << "it would share the damaged file";
  EXPECT_EQ(next.error().code, Code::data_loss);
  EXPECT_THAT(next.error().message, HasSubstr("choose another folder"));
}

TEST_F(BackupTest, WrongFoldersAreRefusedAndLeftAlone) {
  auto store = place_.open({});
  append_events(*store, "s-1", {"x"});
  EXPECT_EQ(list_backups(backups_).error().code, Code::not_found);
  EXPECT_EQ(restore_backup(backups_, newest_backup, work_ / "t").error().code, Code::not_found);
  back_up(*store);
  EXPECT_EQ(restore_backup(backups_, 7, work_ / "t").error().code, Code::not_found);
  EXPECT_FALSE(fs::exists(work_ / "t"));

  RocksdbPlace other;
  EXPECT_EQ(other.open({})->back_up(backups_, go_on).error().code, Code::failed_precondition);
  EXPECT_EQ(list_backups(backups_)->size(), 1u);

  fs::create_directories(work_ / "letters");
  std::ofstream(work_ / "letters" / "dear.txt") << "x";
  EXPECT_EQ(store->back_up(work_ / "letters", go_on).error().code, Code::failed_precondition);
  EXPECT_EQ(restore_backup(backups_, newest_backup, work_ / "letters").error().code, Code::already_exists);
  EXPECT_EQ(files_below(work_ / "letters", ".txt").size(), 1u);
  EXPECT_EQ(std::distance(fs::directory_iterator(work_ / "letters"), fs::directory_iterator()), 1);
  EXPECT_FALSE(store->back_up(work_ / "letters" / "dear.txt", go_on));
}

TEST_F(BackupTest, OneAtATimeAndStoppable) {
  auto store = place_.open({});
  for (int index = 0; index < 100; ++index) append_events(*store, "s-1", {noise(200'000)});
  std::optional<Code> second;
  const auto stopped = store->back_up(backups_, [&](std::uint64_t) {
    const auto other = store->back_up(backups_, go_on);
    if (!other) second = other.error().code;
    return false;
  });
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Code::cancelled);
  EXPECT_EQ(second, Code::unavailable);
  EXPECT_EQ(list_backups(backups_)->size(), 0u);
  EXPECT_EQ(back_up(*store).events, 100u);
  EXPECT_EQ(restored()->head(), 100u);
}

TEST_F(BackupTest, OldBackupsAreRemovedWithWhatOnlyTheyNeed) {
  auto store = place_.open({});
  for (int index = 0; index < 4; ++index) {
    append_events(*store, "s-1", {noise(50'000)});
    back_up(*store);
  }
  ASSERT_TRUE(keep_backups(backups_, 2));
  const auto left = list_backups(backups_).value();
  ASSERT_EQ(left.size(), 2u);
  EXPECT_EQ(left[0].number, 3u);
  EXPECT_EQ(left[1].events, 4u);
  EXPECT_EQ(files_below(backups_, ".log").size(), 2u);
  EXPECT_EQ(restored(3)->head(), 3u);
}

}  // namespace
}  // namespace thalo::store
