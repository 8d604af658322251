// Telling the end of an unfinished write from damage in the logs, case by case; durability_test.cc does it at random.
#include "store/rocksdb/log_check.h"

#include <cstring>
#include <fstream>
#include <functional>
#include <random>
#include <thread>

#include "base/log.h"
#include "store/rocksdb/damage_kit.h"
#include "store/rocksdb/database.h"
#include "store/rocksdb/log_pieces.h"

namespace thalo::store {
namespace {

namespace fs = std::filesystem;
using base::Code;
using testing::AllOf;
using testing::HasSubstr;

class LogTest : public RocksdbStoreTest {
 protected:
  using RocksdbStoreTest::RocksdbStoreTest;
  // Fills a store and leaves it as a crash would: with everything in its log. Returns the log.
  fs::path crash(int commands) {
    auto store = place_.open({});
    for (int index = 0; index < commands; ++index)
      append(*store, "s-" + std::to_string(index % 3), {std::string(1'000, 'x')});
    store->close();
    place_.disk().cut_power_after(1);
    store.reset();
    place_.disk().drop_unsynced();
    fs::path log;
    for (const auto& path : files(".log")) {
      if (log.empty() || fs::file_size(path) > fs::file_size(log)) log = path;
    }
    EXPECT_GT(fs::file_size(log), 1'000u * static_cast<unsigned>(commands));
    return log;
  }
};

TEST_F(LogTest, ATailThatWasCutShortIsTheUnfinishedWriteAndDropped) {
  const fs::path log = crash(50);
  fs::resize_file(log, fs::file_size(log) - 300);
  const auto store = open();
  EXPECT_EQ(store->head(), 49u);
  expect_consistent(*store);
}

TEST_F(LogTest, DamageInTheMiddleIsRefusedByName) {
  const fs::path log = crash(200);
  const auto middle = fs::file_size(log) / 2;
  flip_byte(log, middle);
  expect_refused(Code::data_loss, log.string() + " is damaged at byte ");
  expect_refused(Code::data_loss, "nothing was changed");
  flip_byte(log, middle);
  const auto store = open();
  EXPECT_EQ(store->head(), 200u) << "the refusals changed nothing";
  expect_consistent(*store);
}

TEST_F(LogTest, AFlippedBitAnywhereIsRefused) {
  const fs::path log = crash(60);
  const auto size = fs::file_size(log);
  std::mt19937 random(1);
  for (int round = 0; round < 500; ++round) {
    const auto at = round < 10 ? size - 1 - static_cast<unsigned>(round) : random() % size;
    flip_byte(log, at);
    const auto checked = check_logs(place_.path() / "rocksdb");
    ASSERT_FALSE(checked) << at;
    EXPECT_EQ(checked.error().code, Code::data_loss);
    flip_byte(log, at);
  }
  EXPECT_TRUE(check_logs(place_.path() / "rocksdb"));
  EXPECT_EQ(fs::file_size(log), size) << "a whole log is left alone";
}

TEST_F(LogTest, ALogThatTheDiskCannotReadIsRefusedByName) {
  const fs::path log = crash(5);
  fs::remove(log);
  fs::create_symlink(unreadable, log);
  const auto found = find_cut(place_.path() / "rocksdb");
  ASSERT_FALSE(found);
  EXPECT_FALSE(found.error().retryable());
  EXPECT_THAT(found.error().message, AllOf(HasSubstr(log.string()), HasSubstr("Input/output error")));
}

TEST_F(LogTest, CutAnywhereItLosesOnlyWhatStoodBehindTheCut) {
  const fs::path log = crash(60);
  const fs::path whole = place_.path() / "whole";
  fs::copy_file(log, whole);
  base::log::set_level(base::log::Level::error);
  std::mt19937 random(1);
  for (int round = 0; round < 150; ++round) {
    const auto at = random() % fs::file_size(whole);
    fs::copy_file(whole, log, fs::copy_options::overwrite_existing);
    fs::resize_file(log, at);
    ASSERT_TRUE(check_logs(place_.path() / "rocksdb"));
    // Commands here have some thousand bytes and come with chunks of the index.
    EXPECT_LE(fs::file_size(log), at);
    EXPECT_GE(fs::file_size(log) + 2'000, at);
  }
  base::log::set_level(base::log::Level::info);
}

// What a power cut makes of a large last write: the test writes zeros where its blocks never reached the disk.
class TornLogTest : public LogTest {
 protected:
  static constexpr std::size_t entry_bytes = 100'000;
  // Nothing of the index is written behind the last write.
  TornLogTest() : LogTest(65'536) {}
  // Fifty small commands and a large one at the end of the log.
  void SetUp() override {
    auto store = place_.open({});
    for (int index = 0; index < 50; ++index) append(*store, "s-1", {std::string(1'000, 'x')});
    append(*store, "s-1", std::vector<std::string>(100, std::string(1'000, 'y')));
    store->close();
    place_.disk().cut_power_after(1);
    store.reset();
    place_.disk().drop_unsynced();
    log_ = files(".log").back();
    size_ = fs::file_size(log_);
    ASSERT_GT(size_, 50'000 + entry_bytes);
  }
  void write_zeros(std::uint64_t at, std::uint64_t count) {
    std::fstream file(log_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file << std::string(count, '\0');
  }
  void expect_dropped() {
    const auto store = open();
    ASSERT_TRUE(store);
    EXPECT_EQ(store->head(), 50u) << "the torn command is gone as a whole, everything before it is there";
    expect_consistent(*store);
    append(*store, "s-1", {"x"});
  }
  fs::path log_;
  std::uint64_t size_ = 0;
};

TEST_F(TornLogTest, AnUnwrittenPageInTheLastWrite) {
  write_zeros((size_ - 50'000) / 4096 * 4096, 4096);
  expect_dropped();
}

TEST_F(TornLogTest, UnwrittenToTheEnd) {
  const auto begin = (size_ - 50'000) / 4096 * 4096;
  write_zeros(begin, size_ - begin);
  expect_dropped();
}

TEST_F(TornLogTest, AnUnwrittenLastPageOfWhichTheFileHasOnlyAFewBytes) {
  const auto page = (size_ - 50'000) / 4096 * 4096;
  fs::resize_file(log_, page + 50);
  write_zeros(page, 50);
  expect_dropped();
}

TEST_F(TornLogTest, AnUnwrittenPageBeforeTheLastWriteIsDamage) {
  write_zeros(8192, 4096);
  expect_refused(Code::data_loss, log_.string() + " is damaged at byte ");
}

TEST_F(TornLogTest, AFlippedBitInTheLastWriteIsDamage) {
  flip_byte(log_, size_ - 50'000);
  expect_refused(Code::data_loss, log_.string() + " is damaged at byte ");
}

TEST_F(TornLogTest, AnUnwrittenPageBeforeACompleteWriteIsDamage) {
  const auto page = (size_ - 50'000) / 4096 * 4096;
  auto store = open();
  append(*store, "s-1", std::vector<std::string>(100, std::string(1'000, 'y')));
  append(*store, "s-1", std::vector<std::string>(100, std::string(1'000, 'z')));
  store->close();
  place_.disk().cut_power_after(1);
  store.reset();
  log_ = files(".log").back();
  ASSERT_GT(fs::file_size(log_), 2 * entry_bytes);
  write_zeros(page % 65'536 / 4096 * 4096, 4096);
  expect_refused(Code::data_loss, log_.string() + " is damaged at byte ");
}

// A write whose pages all reached the disk when the power went, while a page of what was written before it and not
// synced did not. Nobody was told of either.
class WholeLastWriteTest : public LogTest {
 protected:
  // Leaves a store with 20,000 bytes that were not synced, a snapshot, and what `write_last` writes behind them;
  // `before` says what was acknowledged. A page of the snapshot is missing.
  void crash_behind_snapshot(const std::function<void(Store&)>& before, const std::function<void(Store&)>& write_last) {
    // Creating a store syncs, which would be a synced write since the opening.
    place_.open({}).reset();
    auto store = place_.open({});
    before(*store);
    save_large_snapshot(*store);
    write_last(*store);
    leave_crashed(place_, std::move(store));
    lose_page_of(snapshot_data_);
  }
  void save_large_snapshot(Store& store) {
    ASSERT_TRUE(store.save_snapshot("s-1", {.version = 1, .module_digest = "", .format = "", .data = snapshot_data_}));
  }
  // Zeros a whole page within `data`, which is in the newest log.
  void lose_page_of(const std::string& data) {
    const fs::path log = files(".log").back();
    std::string content = read_file(log);
    const auto at = content.find(data.substr(0, 100));
    ASSERT_NE(at, std::string::npos);
    content.replace((at + 4096) / 4096 * 4096, 4096, 4096, '\0');
    write_file(log, content);
  }
  const std::string snapshot_data_ = std::string(20'000, 's');
  const std::string cursor_data_ = std::string(20'000, 'c');
};

TEST_F(WholeLastWriteTest, OfACursorIsDropped) {
  crash_behind_snapshot([&](Store& store) { append(store, "s-1", {"acknowledged"}); },
                        [](Store& store) { ASSERT_TRUE(store.save_cursor("p", {.next = 1, .data = ""})); });
  const auto store = open();
  ASSERT_TRUE(store);
  EXPECT_EQ(store->head(), 1u);
  EXPECT_FALSE(store->load_cursor("p").value());
  expect_consistent(*store);
}

TEST_F(WholeLastWriteTest, OfEventsIsDropped) {
  crash_behind_snapshot([&](Store& store) { append(store, "s-1", {"acknowledged"}); },
                        [&](Store& store) { append(store, "s-1", {"not acknowledged"}); });
  const auto store = open();
  ASSERT_TRUE(store);
  EXPECT_EQ(store->head(), 1u);
  expect_consistent(*store);
}

TEST_F(WholeLastWriteTest, OfTheFirstEventsSinceTheOpeningIsDropped) {
  crash_behind_snapshot([](Store&) {}, [&](Store& store) { append(store, "s-1", {"not acknowledged"}); });
  const auto store = open();
  ASSERT_TRUE(store);
  EXPECT_EQ(store->head(), 0u);
  append(*store, "s-1", {"x"});
  expect_consistent(*store);
}

TEST_F(WholeLastWriteTest, IsDamageWhenACursorWasAcknowledgedBeforeIt) {
  crash_behind_snapshot([&](Store& store) { append(store, "s-1", {"acknowledged"}); },
                        [&](Store& store) {
                          ASSERT_TRUE(store.save_cursor("p", {.next = 1, .data = ""}));
                          append(store, "s-1", {"x"});
                        });
  expect_refused(Code::data_loss, "acknowledged events may stand behind it");
}

TEST_F(WholeLastWriteTest, IsDamageWhenTheMissingPageIsThatOfAnAcknowledgedCursor) {
  auto store = place_.open({});
  append(*store, "s-1", {"acknowledged"});
  ASSERT_TRUE(store->save_cursor("p", {.next = 1, .data = cursor_data_}));
  append(*store, "s-1", {"x"});
  leave_crashed(place_, std::move(store));
  lose_page_of(cursor_data_);
  expect_refused(Code::data_loss, "acknowledged events may stand behind it");
}

TEST_F(WholeLastWriteTest, IsDamageWhenTheMissingPageIsThatOfAcknowledgedEventsAndASnapshotStandsBehindThem) {
  auto store = place_.open({});
  append(*store, "s-1", {"acknowledged"});
  append(*store, "s-1", {std::string(20'000, 'e')});
  save_large_snapshot(*store);
  store->close();
  place_.disk().cut_power_after(1);
  store.reset();
  lose_page_of(std::string(20'000, 'e'));
  expect_refused(Code::data_loss, "acknowledged events may stand behind it");
}

TEST_F(WholeLastWriteTest, IsDroppedWhenThreadsWroteTogetherBefore) {
  auto store = place_.open({});
  append(*store, "s-1", {"acknowledged"});
  place_.disk().hold_logs();
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      const std::string name = "p-" + std::to_string(thread);
      EXPECT_TRUE(store->save_snapshot(name, {.version = 1, .module_digest = "", .format = "", .data = "d"}));
      EXPECT_TRUE(store->save_cursor(name, {.next = 1, .data = ""}));
    });
  }
  place_.disk().wait_until_held();
  place_.disk().release_logs();
  for (auto& thread : threads) thread.join();
  save_large_snapshot(*store);
  append(*store, "s-1", {"not acknowledged"});
  leave_crashed(place_, std::move(store));
  lose_page_of(snapshot_data_);
  const auto reopened = open();
  ASSERT_TRUE(reopened);
  EXPECT_EQ(reopened->head(), 1u);
  EXPECT_EQ(reopened->list_cursors().value().size(), 4u);
}

// The end of a log that was written and not synced, with nothing torn, while what was written to the next log reached
// the disk.
TEST_F(LogTest, WhatFollowsALostEndOfTheLogBeforeIsDropped) {
  auto store = place_.open({});
  append(*store, "s-1", {"acknowledged"});
  append(*store, "s-2", {"acknowledged"});
  const auto synced_bytes = fs::file_size(files(".log").back());
  const Snapshot snapshot{.version = 1, .module_digest = "", .format = "", .data = "d"};
  Snapshot large = snapshot;
  large.data = std::string(5'000'000, 's');
  ASSERT_TRUE(store->save_snapshot("s-1", large));
  // The buffer of snapshots is full: what follows goes to another log. The first one is not synced before the power
  // goes.
  place_.disk().fail_next_sync(".log");
  ASSERT_TRUE(store->save_snapshot("s-2", snapshot));
  place_.disk().cut_power_after(1);
  store.reset();
  place_.disk().keep_unsynced();
  ASSERT_EQ(files(".log").size(), 2u);
  fs::resize_file(files(".log").front(), synced_bytes);
  store = open();
  ASSERT_TRUE(store);
  EXPECT_EQ(store->head(), 2u);
  EXPECT_FALSE(store->load_snapshot("s-1").value());
  EXPECT_FALSE(store->load_snapshot("s-2").value()) << "what stood before it is lost";
}

// A write that seems to have failed and is in the log all the same: RocksDB gives its numbers to the next one.
// Replaying both, it would forget how far it had counted, and not see the events beyond that.
TEST_F(LogTest, AnEntryWithTheNumbersOfAnotherIsDropped) {
  const fs::path log = crash(3);
  const std::string content = read_file(log);
  ASSERT_LT(content.size(), 16'000u) << "all in one block of the log";
  // The first entry made the store; the second one is that of an event.
  const std::size_t begin = read_piece(content, 0).end;
  const Piece second = read_piece(content, begin);
  ASSERT_EQ(second.kind, PieceKind::full);
  write_file(log, content + content.substr(begin, second.end - begin));
  const auto store = open();
  ASSERT_TRUE(store);
  EXPECT_EQ(store->head(), 3u);
  expect_consistent(*store);
  append(*store, "s-1", {"x"});
}

// As RocksDB lays entries out.
class MarkTest : public testing::Test {
 protected:
  static std::string entry(std::uint64_t first, const std::vector<std::string>& changes, std::uint32_t count) {
    std::string bytes(12, '\0');
    std::memcpy(bytes.data(), &first, sizeof first);
    std::memcpy(bytes.data() + sizeof first, &count, sizeof count);
    for (const std::string& change : changes) bytes += change;
    return bytes;
  }
  static std::string put(std::size_t column) { return std::string{5, static_cast<char>(column), 1, 'k', 2, 'v', 'v'}; }
  static std::string remove(std::size_t column) { return std::string{4, static_cast<char>(column), 1, 'k'}; }
  static std::string mark(std::uint64_t number) {
    const std::string text = synced_mark(number);
    return std::string{3, static_cast<char>(text.size())} + text;
  }
};

TEST_F(MarkTest, TheGreatestOfSeveralCounts) {
  EXPECT_EQ(synced_before(entry(8, {put(events_column), mark(7)}, 1)), 7u);
  EXPECT_EQ(synced_before(entry(8, {put(cursors_column), mark(300), remove(snapshots_column), mark(5)}, 2)), 300u);
  EXPECT_EQ(synced_before(entry(8, {put(index_column), mark(0)}, 1)), 0u);
}

TEST_F(MarkTest, WithoutOneOnlyWhatNobodyIsToldOfCountsForNothing) {
  EXPECT_EQ(synced_before(entry(8, {put(index_column), put(snapshots_column), remove(snapshots_column)}, 3)), 0u);
  EXPECT_EQ(synced_before(entry(8, {put(index_column), put(events_column)}, 2)), UINT64_MAX);
  EXPECT_EQ(synced_before(entry(8, {remove(cursors_column)}, 1)), UINT64_MAX);
}

TEST_F(MarkTest, WhatCannotBeReadMayHoldAnything) {
  const std::string whole = entry(8, {put(index_column), mark(7)}, 1);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    // Without the mark as a whole it is an entry of before there were marks.
    if (size == 12 || size == entry(8, {put(index_column)}, 1).size()) continue;
    EXPECT_EQ(synced_before(whole.substr(0, size)), UINT64_MAX) << size;
  }
  EXPECT_EQ(synced_before(entry(8, {put(index_column), "\1\1k\1v"}, 2)), UINT64_MAX);
  EXPECT_EQ(synced_before(entry(8, {put(index_column), std::string{3, 2, 9, 0}}, 1)), UINT64_MAX) << "another version";
}

TEST_F(MarkTest, EntriesAreNumberedByTheirChanges) {
  EXPECT_EQ(entry_numbers(entry(8, {}, 3)).first, 8u);
  EXPECT_EQ(entry_numbers(entry(8, {}, 3)).last, 10u);
  EXPECT_EQ(entry_numbers(entry(8, {}, 0)).last, 0u);
  EXPECT_EQ(entry_numbers("short").last, 0u);
}

// The engine knows how much of a finished log was synced, whatever the log itself looks like.
TEST_F(LogTest, APageThatWasSyncedIsNotTakenForAnUnfinishedWrite) {
  auto store = place_.open({});
  append(*store, "s-1", {"a", "b"});
  // More than the buffer of snapshots holds: what follows goes to another log.
  ASSERT_TRUE(store->save_snapshot(
      "s-1", {.version = 2, .module_digest = "", .format = "", .data = std::string(5'000'000, 's')}));
  append(*store, "s-1", {"acknowledged"});
  leave_crashed(place_, std::move(store));
  const auto logs = files(".log");
  ASSERT_EQ(logs.size(), 2u);
  std::string content = read_file(logs[0]);
  const std::string page = content.substr(100 * 4096, 4096);
  write_file(logs[0], content.replace(100 * 4096, 4096, 4096, '\0'));
  const auto damaged = std::pair(read_file(logs[0]), read_file(logs[1]));
  expect_refused(Code::data_loss, "nothing was changed");
  EXPECT_FALSE(open_rocksdb_store_read_only(place_.path()));
  EXPECT_TRUE(std::pair(read_file(logs[0]), read_file(logs[1])) == damaged) << "nothing was changed";
  write_file(logs[0], content.replace(100 * 4096, 4096, page));
  EXPECT_EQ(open()->head(), 3u);
}

TEST_F(LogTest, ALostLogIsRefused) {
  auto store = place_.open({});
  RocksdbOptions options = place_.options();
  store.reset();
  options.events_buffer_bytes = std::size_t{128} << 10;
  options.index_buffer_bytes = std::size_t{64} << 20;
  store = *place_.try_open(options);
  // Several logs are alive: the index and its buffer hold on to the older ones.
  for (int index = 0; index < 600; ++index)
    append(*store, "s-" + std::to_string(index % 300), {std::string(1'000, 'x')});
  place_.disk().cut_power_after(1);
  store.reset();
  place_.disk().drop_unsynced();
  const auto logs = files(".log");
  ASSERT_GT(logs.size(), 1u);
  fs::remove(logs.front());
  expect_refused(Code::data_loss, "log number: " + std::to_string(std::stoi(logs.front().stem().string())));
}

}  // namespace
}  // namespace thalo::store
