// Every kind of damage is found and named by its invariant; a sound store passes.
#include "store/verify.h"

#include <random>

#include "store/record.h"
#include "store/rocksdb/chunk.h"
#include "store/rocksdb/damage_kit.h"
#include "store/rocksdb/database.h"
#include "store/varint.h"

namespace thalo::store {

void PrintTo(const Violation& violation, std::ostream* out) {
  *out << 'I' << violation.invariant << " at " << (violation.global_position ? *violation.global_position : -1) << ' '
       << violation.stream << ' ' << violation.file << ": " << violation.what;
}

namespace {

namespace fs = std::filesystem;
using base::Code;
using testing::AllOf;
using testing::Contains;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Optional;

constexpr std::uint32_t stretch_events = 10;

class Violations final : public VerifyObserver {
 public:
  void on_violation(const Violation& violation) override { found.push_back(violation); }
  void on_progress(std::string_view, std::uint64_t, std::uint64_t) override {}
  std::vector<Violation> found;
};

auto names(int invariant) { return Field(&Violation::invariant, invariant); }
auto at(model::GlobalPosition position) { return Field(&Violation::global_position, Optional(position)); }
auto of(const std::string& stream) { return Field(&Violation::stream, stream); }
auto in(const fs::path& file) { return Field(&Violation::file, file.string()); }
auto saying(const std::string& text) { return Field(&Violation::what, HasSubstr(text)); }

class VerifyTest : public testing::Test {
 protected:
  // 150 events at most 3 to a command over 5 streams, in files and in the log.
  void SetUp() override {
    auto store = place_.open({});
    for (int index = 0; index < 75; ++index) append_events(*store, stream_of(index), {std::string(300, 'x'), "2"});
    ASSERT_TRUE(store->save_cursor("c", {.next = 3, .data = "d"}));
    ASSERT_TRUE(store->save_snapshot("s-1", {.version = 2, .module_digest = "m", .format = "f", .data = "x"}));
    store.reset();
  }
  static std::string stream_of(int command) { return "s-" + std::to_string(command % 5); }

  std::vector<Violation> verify() {
    Violations violations;
    const auto before = content_of(place_.path());
    const auto summary = verify_store(place_.path(), violations);
    EXPECT_TRUE(summary) << summary.error().message;
    EXPECT_EQ(content_of(place_.path()), before) << "a check changes nothing";
    if (summary) {
      summary_ = *summary;
      EXPECT_EQ(summary->violations, violations.found.size());
    }
    return violations.found;
  }

  template <class Change>
  void change(Change change, bool into_files = true) {
    change_database(place_, change, into_files);
  }

  // Events that cannot be compressed.
  static std::vector<std::string> noise(std::size_t count, std::size_t bytes = 1'000) {
    std::mt19937_64 random(5);
    std::vector<std::string> data(count);
    for (auto& text : data) {
      while (text.size() < bytes) text += std::to_string(random());
    }
    return data;
  }

  static std::string key(model::GlobalPosition position) {
    std::string key(8, '\0');
    put_big_endian64(key.data(), position);
    return key;
  }
  static std::string record(std::uint32_t remaining, model::Position position, const std::string& stream) {
    const model::NewEvent event{"T", "{}", ""};
    std::string bytes(RecordHead(remaining, position).text());
    EncodedEvents(stream, 0, std::span(&event, 1)).for_each([&](std::string_view body) { bytes += body; });
    return bytes;
  }
  // The file of a column that holds the most.
  fs::path file_of(const std::string& column) {
    std::vector<rocksdb::LiveFileMetaData> files;
    change([&](rocksdb::DB& db, const Columns&) { db.GetLiveFilesMetaData(&files); });
    fs::path found;
    std::size_t size = 0;
    for (const auto& file : files) {
      if (file.column_family_name != column || file.size < size) continue;
      size = file.size;
      found = file.db_path + file.name;
    }
    return found;
  }

  RocksdbPlace place_{stretch_events};
  VerifySummary summary_;
};

TEST_F(VerifyTest, ASoundStorePasses) {
  EXPECT_THAT(verify(), IsEmpty());
  EXPECT_EQ(summary_.events, 150u);
  EXPECT_EQ(summary_.streams, 5u);
  EXPECT_EQ(summary_.cursors, 1u);
  EXPECT_EQ(summary_.snapshots, 1u);
  EXPECT_GE(summary_.chunks, 14u);
  auto store = place_.open({});
  for (int index = 0; index < 30; ++index) append_events(*store, "t-1", {"x", "y", "z"});
  leave_crashed(place_, std::move(store));
  EXPECT_THAT(verify(), IsEmpty()) << "with events in the log";
  EXPECT_EQ(summary_.events, 240u);
  EXPECT_FALSE(summary_.has_unfinished_write);
  const fs::path log = database_files(place_, ".log").back();
  fs::resize_file(log, fs::file_size(log) - 3);
  EXPECT_THAT(verify(), IsEmpty()) << "an unfinished write is no damage";
  EXPECT_TRUE(summary_.has_unfinished_write);
}

TEST_F(VerifyTest, AnEmptyStoreIsSound) {
  RocksdbPlace empty(stretch_events);
  empty.open({});
  Violations violations;
  EXPECT_EQ(verify_store(empty.path(), violations)->events, 0u);
  EXPECT_THAT(violations.found, IsEmpty());
}

TEST_F(VerifyTest, WhatIsNoClosedStoreIsRefused) {
  Violations violations;
  EXPECT_EQ(verify_store(place_.path() / "nothing", violations).error().code, Code::not_found);
  const auto store = place_.open({});
  EXPECT_EQ(verify_store(place_.path(), violations).error().code, Code::failed_precondition);
}

TEST_F(VerifyTest, FindsADamagedDescription) {
  std::ofstream(place_.path() / "STORE", std::ios::app) << "more\n";
  EXPECT_THAT(verify(), testing::ElementsAre(AllOf(names(1), in(place_.path() / "STORE"))));
  EXPECT_EQ(summary_.events, 150u) << "the rest was checked";
}

TEST_F(VerifyTest, FindsTheDatabaseOfAnotherStore) {
  change([](rocksdb::DB& db, const Columns& columns) { db.Put({}, columns[0], "id", std::string(16, 'x')); });
  EXPECT_THAT(verify(), testing::ElementsAre(names(2)));
}

TEST_F(VerifyTest, FindsAGap) {
  for (const bool into_files : {false, true}) {
    change([](rocksdb::DB& db, const Columns& columns) { db.Delete({}, columns[1], key(40)); }, into_files);
    const auto found = verify();
    EXPECT_THAT(found, Contains(AllOf(names(3), at(40), saying("is missing"))));
    EXPECT_THAT(found, Not(Contains(names(4)))) << "the missing event explains the jump in its stream";
    EXPECT_EQ(summary_.events, 149u);
  }
}

TEST_F(VerifyTest, FindsAKeyThatIsNoPosition) {
  change([](rocksdb::DB& db, const Columns& columns) { db.Put({}, columns[1], "abc", "x"); });
  EXPECT_THAT(verify(), testing::ElementsAre(AllOf(names(3), saying("616263"))));
}

TEST_F(VerifyTest, FindsAWrongPositionInAStream) {
  change([](rocksdb::DB& db, const Columns& columns) {
    db.Put({}, columns[1], key(150), record(0, 31, "s-1"));
    db.Put({}, columns[1], key(151), record(0, 29, "s-2"));
  });
  EXPECT_THAT(verify(), testing::ElementsAre(AllOf(names(4), at(150), of("s-1"), saying("position 31")),
                                             AllOf(names(4), at(151), of("s-2"), saying("30 comes next"))));
}

TEST_F(VerifyTest, FindsACommandInPart) {
  change([](rocksdb::DB& db, const Columns& columns) {
    db.Put({}, columns[1], key(150), record(1, 30, "s-1"));
    db.Put({}, columns[1], key(151), record(0, 30, "s-2"));
    db.Put({}, columns[1], key(152), record(2, 31, "s-1"));
  });
  EXPECT_THAT(verify(), testing::ElementsAre(AllOf(names(5), at(151), of("s-2")),
                                             AllOf(names(5), at(152), saying("ends in the middle of a command"))));
}

TEST_F(VerifyTest, FindsARecordThatDoesNotDecode) {
  change([](rocksdb::DB& db, const Columns& columns) {
    db.Put({}, columns[1], key(150), "\x01\x02");
    db.Put({}, columns[1], key(151), "\x09" + record(0, 30, "s-1").substr(1));
    db.Put({}, columns[1], key(152), record(0, 31, "s-1"));
  });
  EXPECT_THAT(verify(), testing::ElementsAre(AllOf(names(6), at(150), saying("cut short")),
                                             AllOf(names(6), at(151), saying("version is 9"))));
}

TEST_F(VerifyTest, FindsAWrongCheckpoint) {
  const auto put = [&](std::uint64_t checkpoint) {
    change([&](rocksdb::DB& db, const Columns& columns) {
      std::string value;
      append_varint(value, checkpoint);
      db.Put({}, columns[2], slice(checkpoint_key), value);
    });
  };
  put(55);
  EXPECT_THAT(verify(), Contains(AllOf(names(7), saying("not a multiple"))));
  put(1'000);
  EXPECT_THAT(verify(), Contains(AllOf(names(7), saying("greater than the number of events"))));
}

TEST_F(VerifyTest, FindsAMissingAndAWrongChunk) {
  change([](rocksdb::DB& db, const Columns& columns) {
    const auto deleted = chunk_key("s-1", 4);
    const auto changed = chunk_key("s-2", 4);
    std::string value;
    ASSERT_TRUE(db.Get({}, columns[2], changed, &value).ok());
    db.Delete({}, columns[2], deleted);
    db.Put({}, columns[2], changed, encode_chunk(std::vector<model::GlobalPosition>{24, 26}));
  });
  EXPECT_THAT(verify(),
              testing::UnorderedElementsAre(AllOf(names(8), of("s-1"), saying("from 4 on"), saying("missing")),
                                            AllOf(names(8), of("s-2"), saying("not what the events give"))));
}

TEST_F(VerifyTest, FindsAChunkTooMany) {
  change([](rocksdb::DB& db, const Columns& columns) {
    db.Put({}, columns[2], chunk_key("s-1", 5), encode_chunk(std::vector<model::GlobalPosition>{23}));
    db.Put({}, columns[2], chunk_key("nobody-1", 0), encode_chunk(std::vector<model::GlobalPosition>{3}));
    db.Put({}, columns[2], "x", "y");
  });
  EXPECT_THAT(verify(), testing::UnorderedElementsAre(AllOf(names(8), of("s-1")), AllOf(names(8), of("nobody-1")),
                                                      AllOf(names(8), saying("no chunk's"))));
}

TEST_F(VerifyTest, FindsAWrongChunkBeyondTheCheckpoint) {
  change([](rocksdb::DB& db, const Columns& columns) {
    std::string value;
    append_varint(value, 100);
    db.Put({}, columns[2], slice(checkpoint_key), value);
    db.Delete({}, columns[2], chunk_key("s-1", 24));
    db.Put({}, columns[2], chunk_key("s-2", 24), encode_chunk(std::vector<model::GlobalPosition>{125}));
  });
  const auto found = verify();
  EXPECT_THAT(found, Contains(AllOf(names(9), of("s-2"))));
  EXPECT_THAT(found, Not(Contains(of("s-1")))) << "what is not there yet will be written";
  EXPECT_THAT(found, Not(Contains(names(8))));
}

TEST_F(VerifyTest, FindsDamagedCursorsAndSnapshots) {
  change([](rocksdb::DB& db, const Columns& columns) {
    db.Put({}, columns[3], "c", "\x07");
    db.Put({}, columns[4], "s-1", "\x01\x02\x7fx");
  });
  EXPECT_THAT(verify(), testing::ElementsAre(AllOf(names(10), of("c")), AllOf(names(10), of("s-1"))));
}

TEST_F(VerifyTest, FindsEveryFlippedByteOfAFileAndReadsTheRest) {
  const fs::path file = file_of("events");
  const std::string content = env::read_file(file).value();
  std::mt19937 random(3);
  std::uint64_t most = 0;
  for (int round = 0; round < 60; ++round) {
    // The last 53 bytes tell where the rest is; some of them mean nothing.
    const std::uint64_t place = random() % (content.size() - 53);
    flip_byte(file, place);
    const auto found = verify();
    EXPECT_THAT(found, Contains(AllOf(names(12), testing::AnyOf(in(file), saying(file.filename().string())))))
        << "byte " << place << " of " << content.size();
    most = std::max(most, summary_.events);
    flip_byte(file, place);
  }
  EXPECT_THAT(verify(), IsEmpty());
}

// One block of many: what stands before and behind it is read and checked.
TEST_F(VerifyTest, GoesOnBehindADamagedBlock) {
  {
    auto store = place_.open({});
    append_events(*store, "noise-1", noise(500));
  }
  change([](rocksdb::DB&, const Columns&) {});
  const fs::path file = file_of("events");
  flip_byte(file, fs::file_size(file) / 2);
  const auto found = verify();
  EXPECT_THAT(found, Contains(AllOf(names(12), in(file), saying("cannot be read"),
                                    Field(&Violation::global_position, testing::Ne(std::nullopt)))));
  EXPECT_GT(summary_.events, 600u);
  EXPECT_LT(summary_.events, 650u);
  EXPECT_THAT(found, Not(Contains(names(3))));
  EXPECT_THAT(found, Not(Contains(names(4))));
}

TEST_F(VerifyTest, LosesOneBlockOfAFileAndNoMore) {
  {
    auto store = place_.open({});
    append_events(*store, "noise-1", noise(5'000, 40));
  }
  change([](rocksdb::DB&, const Columns&) {});
  const fs::path file = file_of("events");
  std::mt19937 random(7);
  for (int round = 0; round < 20; ++round) {
    const std::uint64_t place = random() % (fs::file_size(file) / 10 * 9);  // what is last tells where the blocks are
    flip_byte(file, place);
    EXPECT_THAT(verify(), Contains(AllOf(names(12), in(file), saying("cannot be read")))) << "byte " << place;
    EXPECT_GT(summary_.events, 5'150u - 100u) << "byte " << place;
    flip_byte(file, place);
  }
}

// RocksDB walks over the files of a level as over one.
TEST_F(VerifyTest, GoesOnBehindAFileWhoseFirstBlockIsDamaged) {
  {
    auto store = place_.open({});
    append_events(*store, "noise-1", noise(500));
  }
  const auto files = split_column(place_, "events");
  ASSERT_GT(files.size(), 3u);
  flip_byte(files[2], 20);
  const auto found = verify();
  EXPECT_THAT(found, Contains(AllOf(names(12), in(files[2]), saying("cannot be read"))));
  EXPECT_THAT(found, Not(Contains(names(3)))) << "no event is missing";
  EXPECT_GT(summary_.events, 630u);
  EXPECT_LT(summary_.events, 650u);
}

TEST_F(VerifyTest, FindsAMissingFile) {
  const fs::path file = file_of("events");
  fs::remove(file);
  EXPECT_THAT(verify(), Contains(AllOf(names(12), in(file))));
}

TEST_F(VerifyTest, FindsADamagedLogAndReadsWhatStandsBefore) {
  auto store = place_.open({});
  for (int index = 0; index < 60; ++index) append_events(*store, "t-1", {std::string(1'000, 'x')});
  leave_crashed(place_, std::move(store));
  const fs::path log = database_files(place_, ".log").back();
  flip_byte(log, fs::file_size(log) / 2);
  EXPECT_THAT(verify(), Contains(AllOf(names(12), in(log), saying("damaged at byte"))));
  EXPECT_GT(summary_.events, 160u);
  EXPECT_LT(summary_.events, 210u);
}

TEST_F(VerifyTest, FindsAPageThatWasSyncedThoughItLooksUnwritten) {
  auto store = place_.open({});
  append_events(*store, "t-1", {"x"});
  ASSERT_TRUE(store->save_snapshot(
      "t-1", {.version = 1, .module_digest = "", .format = "", .data = std::string(5'000'000, 's')}));
  append_events(*store, "t-1", {"acknowledged"});
  leave_crashed(place_, std::move(store));
  const fs::path log = database_files(place_, ".log").front();
  std::string content = env::read_file(log).value();
  std::ofstream(log, std::ios::binary) << content.replace(100 * 4096, 4096, 4096, '\0');
  EXPECT_THAT(verify(), Contains(AllOf(names(12), in(log), saying("Size mismatch"))));
  EXPECT_FALSE(summary_.has_unfinished_write);
  EXPECT_EQ(summary_.events, 151u) << "what stands before it is checked";
}

// Small buffers leave many logs, whose sizes the engine knows.
TEST_F(VerifyTest, ChecksAStoreOfManyLogs) {
  RocksdbOptions options = place_.options();
  options.events_buffer_bytes = 1 << 16;
  auto store = place_.try_open(options).value();
  for (int index = 0; index < 300; ++index) append_events(*store, "t-1", {std::string(1'000, 'x')});
  leave_crashed(place_, std::move(store));
  const auto logs = database_files(place_, ".log");
  ASSERT_GT(logs.size(), 1u);
  EXPECT_THAT(verify(), IsEmpty());
  EXPECT_EQ(summary_.events, 450u);
  EXPECT_EQ(open_rocksdb_store_read_only(place_.path()).value()->head(), 450u);
  flip_byte(logs.front(), fs::file_size(logs.front()) / 2);
  EXPECT_THAT(verify(), Contains(AllOf(names(12), in(logs.front()))));
  EXPECT_LT(summary_.events, 450u);
}

TEST_F(VerifyTest, FindsADatabaseThatCannotBeOpened) {
  fs::remove(place_.path() / "rocksdb" / "CURRENT");
  EXPECT_THAT(verify(), testing::ElementsAre(AllOf(names(12), saying("CURRENT"))));
}

}  // namespace
}  // namespace thalo::store
