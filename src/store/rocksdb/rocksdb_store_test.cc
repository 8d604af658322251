// What only the engine on disk promises: opening, recovery, damage.
#include "store/rocksdb_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <random>

#include "store/rocksdb/damage_kit.h"

namespace thalo::store {
namespace {

namespace fs = std::filesystem;
using base::Code;
using testing::AllOf;
using testing::HasSubstr;

TEST_F(RocksdbStoreTest, AMissingFolderIsMadeOnlyWhenAsked) {
  RocksdbOptions options = place_.options();
  options.path /= "a/b";
  options.create_if_missing = false;
  const auto refused = open_rocksdb_store(options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::not_found);
  EXPECT_THAT(refused.error().message, AllOf(HasSubstr(options.path.string()), HasSubstr("does not exist")));
  EXPECT_FALSE(fs::exists(options.path)) << "nothing was made";
  options.create_if_missing = true;
  EXPECT_TRUE(open_rocksdb_store(options));
  options.create_if_missing = false;
  EXPECT_TRUE(open_rocksdb_store(options)) << "it is there now";
}

TEST_F(RocksdbStoreTest, AnEmptyFolderIsNoStoreUnlessOneMayBeMade) {
  RocksdbOptions options = place_.options();
  options.create_if_missing = false;
  const auto refused = open_rocksdb_store(options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::not_found);
  EXPECT_THAT(refused.error().message, HasSubstr("there is no store at"));
}

TEST_F(RocksdbStoreTest, AFolderThatCannotBeMadeIsNamed) {
  RocksdbOptions options = place_.options();
  write_file(options.path / "file", "x");
  options.path /= "file/store";
  const auto refused = open_rocksdb_store(options);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr(options.path.string()));
  options.path = "/proc/store";
  const auto not_writable = open_rocksdb_store(options);
  ASSERT_FALSE(not_writable);
  EXPECT_THAT(not_writable.error().message, HasSubstr("/proc/store"));
}

TEST_F(RocksdbStoreTest, AFileIsRefusedByName) {
  RocksdbOptions options = place_.options();
  options.path /= "file";
  write_file(options.path, "x");
  const auto refused = open_rocksdb_store(options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::failed_precondition);
  EXPECT_THAT(refused.error().message, AllOf(HasSubstr(options.path.string()), HasSubstr("is a file")));
  EXPECT_EQ(read_file(options.path), "x");
}

TEST_F(RocksdbStoreTest, AFolderWithOtherFilesIsRefusedByName) {
  write_file(place_.path() / "letters.txt", "dear");
  expect_refused(Code::failed_precondition, "letters.txt");
  EXPECT_FALSE(fs::exists(place_.path() / "STORE"));
}

TEST_F(RocksdbStoreTest, AStoreOpenedTwiceIsRefused) {
  auto store = open();
  expect_refused(Code::failed_precondition, "is in use by another process");
  const pid_t child = ::fork();
  if (child == 0) {
    const auto second = open_rocksdb_store(place_.options());
    ::_exit(!second && second.error().code == Code::failed_precondition ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0) << "by another process too";
  append(*store, "s-1", {"x"});
  store.reset();
  EXPECT_EQ(open()->head(), 1u) << "the refused ones did no harm";
}

TEST_F(RocksdbStoreTest, ANewerFormatIsRefusedWithBothNumbers) {
  open();
  std::string text = read_file(place_.path() / "STORE");
  text.replace(text.find("format 1"), 8, "format 7");
  write_file(place_.path() / "STORE", text);
  expect_refused(Code::failed_precondition, "has format 7 and this program reads formats up to 1; use a newer Thalo");
}

TEST_F(RocksdbStoreTest, ADamagedDescriptionIsRefusedByName) {
  open();
  const std::string text = read_file(place_.path() / "STORE");
  for (const std::string& damaged :
       {std::string(), std::string("hello\n"), text.substr(0, 25), text.substr(0, text.size() - 2), text + "more\n",
        std::string("thalo event store\nformat x\nid 00\n")}) {
    write_file(place_.path() / "STORE", damaged);
    const auto store = try_open();
    ASSERT_FALSE(store) << damaged;
    EXPECT_THAT(store.error().message, HasSubstr((place_.path() / "STORE").string()));
  }
  write_file(place_.path() / "STORE", text);
  EXPECT_TRUE(try_open());
}

TEST_F(RocksdbStoreTest, TheDatabaseOfAnotherStoreIsRefused) {
  open();
  RocksdbPlace other;
  other.open({});
  fs::copy(other.path() / "STORE", place_.path() / "STORE", fs::copy_options::overwrite_existing);
  expect_refused(Code::data_loss, "its folder rocksdb is that of another store");
}

TEST_F(RocksdbStoreTest, ALostDatabaseIsNotReplacedByAnEmptyOne) {
  append(*open(), "s-1", {"x"});
  fs::rename(place_.path() / "rocksdb" / "CURRENT", place_.path() / "rocksdb" / "elsewhere");
  expect_refused(Code::data_loss, "has lost its file rocksdb/CURRENT");
  fs::rename(place_.path() / "rocksdb" / "elsewhere", place_.path() / "rocksdb" / "CURRENT");
  EXPECT_EQ(open()->head(), 1u);
  fs::remove_all(place_.path() / "rocksdb");
  expect_refused(Code::data_loss, "has lost its file rocksdb/CURRENT");
}

TEST_F(RocksdbStoreTest, AnInterruptedCreationIsFinished) {
  const auto id = open()->id();
  // As after a crash between the first and the second writing of STORE, before RocksDB made anything.
  fs::remove_all(place_.path() / "rocksdb");
  write_file(place_.path() / "STORE", read_file(place_.path() / "STORE") + "creating\n");
  auto store = open();
  EXPECT_EQ(store->id(), id);
  append(*store, "s-1", {"x"});
  store.reset();
  EXPECT_EQ(open()->head(), 1u);
}

TEST_F(RocksdbStoreTest, AnOptionOutOfRangeIsRefused) {
  RocksdbOptions options = place_.options();
  options.stretch_events = 0;
  EXPECT_EQ(open_rocksdb_store(options).error().code, Code::invalid_argument);
}

// Streams of every density, across memory and disk, whatever the stretch: the index is what a scan says.
TEST_F(RocksdbStoreTest, TheIndexEqualsAScanForEveryLengthOfStretch) {
  for (const std::uint32_t stretch : {1u, 3u, 100u, 5000u}) {
    SCOPED_TRACE(stretch);
    RocksdbPlace place(stretch);
    auto store = place.open({});
    RecordingSink sink;
    std::mt19937 random(stretch);
    std::size_t appends = 0;
    for (; appends < 800; ++appends) {
      const std::string stream = appends % 2 == 0 ? "dense-1" : "s-" + std::to_string(random() % 200);
      ASSERT_TRUE(store->append(make_append(stream, std::vector<std::string>(1 + random() % 6, "x")), sink));
    }
    sink.wait(appends);
    expect_consistent(*store);
    store.reset();
    store = place.open({});
    expect_consistent(*store);
    EXPECT_EQ(
        data_of(read_stream(*store, {.stream = "dense-1", .from = newest, .direction = Direction::backwards})).size(),
        store->stream_version("dense-1"));
  }
}

// More than one chunk of a stream in a stretch.
TEST_F(RocksdbStoreTest, ALongStreamInOneStretchIsCutIntoChunks) {
  RocksdbPlace place(6'000);
  auto store = place.open({});
  for (int index = 0; index < 4; ++index)
    append(*store, "long-1", std::vector<std::string>(3'000, std::to_string(index)));
  append(*store, "other-1", {"x"});
  store.reset();
  store = place.open({});
  expect_consistent(*store);
  for (const std::uint64_t from : {0u, 1023u, 1024u, 1025u, 5'999u, 6'000u, 11'999u}) {
    const auto forwards = read_stream(*store, {.stream = "long-1", .from = from, .limit = 2'000});
    ASSERT_EQ(forwards.size(), std::min<std::uint64_t>(2'000, 12'000 - from));
    for (std::size_t index = 0; index < forwards.size(); ++index) ASSERT_EQ(forwards[index].position, from + index);
    const auto backwards =
        read_stream(*store, {.stream = "long-1", .from = from, .direction = Direction::backwards, .limit = 2'000});
    ASSERT_EQ(backwards.size(), std::min<std::uint64_t>(2'000, from + 1));
    for (std::size_t index = 0; index < backwards.size(); ++index) ASSERT_EQ(backwards[index].position, from - index);
  }
}

class DamagedFileTest : public RocksdbStoreTest {
 protected:
  static constexpr std::uint64_t events = 3'000;
  // Damages one block in the middle of the events' file.
  void SetUp() override {
    auto store = place_.open({});
    for (std::uint64_t index = 0; index < events; index += 100) append(*store, "s-1", noise());
    store.reset();
    open();  // moves the log to files
    fs::path largest;
    for (const auto& path : files(".sst")) {
      if (largest.empty() || fs::file_size(path) > fs::file_size(largest)) largest = path;
    }
    file_ = largest;
    flip_byte(file_, fs::file_size(file_) / 2);
  }
  std::vector<std::string> noise() {
    std::vector<std::string> data(100);
    for (auto& text : data) {
      for (int index = 0; index < 30; ++index) text += std::to_string(random_());
    }
    return data;
  }
  std::mt19937 random_{1};
  fs::path file_;
};

TEST_F(DamagedFileTest, ReadingNamesTheFileAndThePositionAndTheRestCanBeRead) {
  const auto store = open();
  ASSERT_TRUE(store);
  std::uint64_t next = 0;
  const auto count = [&](const model::EventView& event) {
    EXPECT_EQ(event.global_position, next++);
    return true;
  };
  const auto all = store->read_all({}, count);
  ASSERT_FALSE(all);
  EXPECT_EQ(all.error().code, Code::data_loss);
  EXPECT_THAT(all.error().message,
              AllOf(HasSubstr("global position " + std::to_string(next)), HasSubstr(file_.filename().string())));
  EXPECT_GT(next, 100u) << "what stands before it is shown";

  const auto stream = store->read_stream({.stream = "s-1", .from = next}, [](const model::EventView&) { return true; });
  ASSERT_FALSE(stream);
  EXPECT_EQ(stream.error().code, Code::data_loss);
  EXPECT_THAT(stream.error().message, HasSubstr("global position " + std::to_string(next)));

  std::uint64_t after = next;
  while (!store->read_all({.from = after, .limit = 1}, [](const auto&) { return true; })) ++after;
  EXPECT_LT(after, next + 100) << "only one block is lost";
  EXPECT_EQ(store->read_all({.from = after}, [](const auto&) { return true; }).value().shown, events - after);
  EXPECT_EQ(read_stream(*store, {.stream = "s-1", .from = after}).size(), events - after);
  append(*store, "s-1", {"x"});
  EXPECT_EQ(store->head(), events + 1) << "and the store goes on";
}

TEST_F(DamagedFileTest, DamageAtTheBeginningOfALaterFileHidesNothingBeforeIt) {
  flip_byte(file_, fs::file_size(file_) / 2);
  const auto before = files(".sst");
  {
    auto store = open();
    append(*store, "s-1", noise());
  }
  open();  // a second file of events
  for (const auto& path : files(".sst")) {
    if (std::ranges::find(before, path) == before.end() && fs::file_size(path) > 20'000) file_ = path;
  }
  flip_byte(file_, 100);
  const auto store = open();
  std::uint64_t next = 0;
  const auto all = store->read_all({}, [&](const model::EventView&) { return ++next != 0; });
  ASSERT_FALSE(all);
  EXPECT_EQ(next, events);
  EXPECT_THAT(all.error().message, AllOf(HasSubstr("global position " + std::to_string(events) + " "),
                                         HasSubstr(file_.filename().string())));
  EXPECT_EQ(read_stream(*store, {.stream = "s-1", .limit = events}).size(), events);
  EXPECT_EQ(read_stream(*store, {.stream = "s-1", .from = events - 1, .direction = Direction::backwards}).size(),
            events);
}

// A column in many files, the first block of one in their middle damaged.
class DamagedColumnTest : public RocksdbStoreTest {
 protected:
  static constexpr std::uint64_t count = 1'000;
  void SetUp() override {
    auto store = place_.open({});
    std::mt19937 random(1);
    const auto noise = [&] {
      std::string text;
      while (text.size() < 300) text += std::to_string(random());
      return text;
    };
    RecordingSink sink;
    std::vector<std::pair<std::string, Cursor>> cursors;
    for (std::uint64_t index = 0; index < count; ++index) {
      ASSERT_TRUE(store->append(make_append("s-" + noise(), {noise()}), sink));
      cursors.emplace_back("c-" + std::to_string(index), Cursor{.next = 1, .data = noise()});
    }
    sink.wait(count);
    ASSERT_TRUE(store->save_cursors(cursors));
  }
  // Opens a store with the damage, and has its name.
  std::unique_ptr<Store> open_damaged(const std::string& column) {
    const auto files = split_column(place_, column);
    EXPECT_GT(files.size(), 3u);
    file_ = files[files.size() / 2].filename().string();
    flip_byte(files[files.size() / 2], 20);
    return open();
  }
  template <typename Answer>
  void expect_named(const Answer& answer) {
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Code::data_loss) << answer.error().message;
    EXPECT_THAT(answer.error().message, HasSubstr(file_));
  }
  std::string file_;
};

TEST_F(DamagedColumnTest, AListOfStreamsIsWholeOrNone) {
  const auto store = open_damaged("index");
  expect_named(store->list_streams({}, [](const StreamSummary&) { return true; }));
}

TEST_F(DamagedColumnTest, AListOfCursorsIsWholeOrNone) {
  const auto store = open_damaged("cursors");
  expect_named(store->list_cursors());
}

TEST_F(DamagedColumnTest, WhatADiskHasLostIsNotWorthARetry) {
  const auto files = split_column(place_, "cursors");
  for (const bool is_there : {false, true}) {
    SCOPED_TRACE(is_there);
    // Opens the first files only; the others are lost when it is open.
    const auto store = open();
    for (const auto& file : files) {
      fs::rename(file, file.string() + ".kept");
      if (is_there) fs::create_symlink(unreadable, file);
    }
    std::uint64_t lost = 0;
    for (std::uint64_t index = 0; index < count; ++index) {
      const auto cursor = store->load_cursor("c-" + std::to_string(index));
      if (cursor) continue;
      ++lost;
      EXPECT_EQ(cursor.error().code, Code::data_loss) << cursor.error().message;
      EXPECT_THAT(cursor.error().message, HasSubstr((place_.path() / "rocksdb").string()));
    }
    EXPECT_GT(lost, 0u);
    for (const auto& file : files) fs::rename(file.string() + ".kept", file);
  }
}

}  // namespace
}  // namespace thalo::store
