// Reading a closed store without changing it.
#include <fcntl.h>

#include "store/rocksdb/damage_kit.h"
#include "store/rocksdb_store.h"

namespace thalo::store {
namespace {

namespace fs = std::filesystem;
using base::Code;
using testing::HasSubstr;

class ReadOnlyTest : public testing::TestWithParam<std::uint32_t> {
 protected:
  ReadOnlyTest() : place_(GetParam()) {}
  std::unique_ptr<Store> filled() {
    auto store = place_.open({});
    for (int index = 0; index < 100; ++index) append_events(*store, "s-" + std::to_string(index % 7), {"1", "2"});
    EXPECT_TRUE(store->save_cursor("c", {.next = 3, .data = "d"}));
    EXPECT_TRUE(store->save_snapshot("s-1", {.version = 2, .module_digest = "m", .format = "f", .data = "x"}));
    return store;
  }
  std::unique_ptr<Store> read() {
    auto store = open_rocksdb_store_read_only(place_.path());
    EXPECT_TRUE(store) << store.error().message;
    return store ? std::move(*store) : nullptr;
  }
  void expect_refused(Code code, const std::string& text) {
    const auto store = open_rocksdb_store_read_only(place_.path());
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, code);
    EXPECT_THAT(store.error().message, HasSubstr(text));
  }

  RocksdbPlace place_;
};

TEST_P(ReadOnlyTest, ShowsEverythingAndChangesNothing) {
  for (const bool is_crashed : {false, true}) {
    auto store = is_crashed ? place_.open({}) : filled();
    if (is_crashed) append_events(*store, "new-1", {"x", "y"});
    const auto all = read_all(*store);
    const auto id = store->id();
    if (is_crashed) {
      leave_crashed(place_, std::move(store));
    } else {
      store.reset();
    }
    const auto before = content_of(place_.path());
    store = read();
    ASSERT_TRUE(store);
    EXPECT_EQ(read_all(*store), all);
    EXPECT_EQ(store->head(), all.size());
    EXPECT_EQ(store->id(), id);
    expect_consistent(*store);
    EXPECT_EQ(store->load_cursor("c").value()->next, 3u);
    EXPECT_EQ(store->load_snapshot("s-1").value()->version, 2u);
    const auto other = read();
    EXPECT_EQ(other->head(), all.size()) << "several may read";
    store.reset();
    EXPECT_EQ(content_of(place_.path()), before);
  }
}

TEST_P(ReadOnlyTest, RefusesToWrite) {
  filled();
  const auto store = read();
  RecordingSink sink;
  EXPECT_EQ(store->append(make_append("s-1", {"x"}), sink).error().code, Code::failed_precondition);
  EXPECT_EQ(store->save_cursor("c", {}).error().code, Code::failed_precondition);
  EXPECT_EQ(store->delete_snapshot("s-1").error().code, Code::failed_precondition);
}

TEST_P(ReadOnlyTest, KeepsARuntimeOutAndIsKeptOutByOne) {
  auto store = filled();
  expect_refused(Code::failed_precondition, "--url");
  store.reset();
  const auto reader = read();
  const auto runtime = open_rocksdb_store(place_.options());
  ASSERT_FALSE(runtime);
  EXPECT_THAT(runtime.error().message, HasSubstr("is in use by another process"));
}

TEST_P(ReadOnlyTest, AnUnfinishedWriteIsNotShownAndStaysWhereItIs) {
  leave_crashed(place_, filled());
  const fs::path log = database_files(place_, ".log").back();
  // Behind the events stand a cursor and a snapshot; cut so that a command at the end of the events is torn.
  fs::resize_file(log, fs::file_size(log) - 200);
  const auto before = content_of(place_.path());
  {
    const auto store = read();
    ASSERT_TRUE(store);
    EXPECT_LT(store->head(), 200u);
    EXPECT_GE(store->head(), 190u);
    EXPECT_EQ(store->head() % 2, 0u) << "a command is there whole or not at all";
    expect_consistent(*store);
    EXPECT_EQ(content_of(place_.path()), before);
    const auto head = store->head();
    EXPECT_EQ(head, read()->head());
  }
  const auto head = read()->head();
  EXPECT_EQ(place_.open({})->head(), head) << "what a runtime finds is the same";
}

TEST_P(ReadOnlyTest, DamageIsRefusedByName) {
  leave_crashed(place_, filled());
  const fs::path log = database_files(place_, ".log").back();
  flip_byte(log, fs::file_size(log) / 2);
  expect_refused(Code::data_loss, log.string() + " is damaged at byte ");
}

TEST_P(ReadOnlyTest, WhatIsNoStoreIsRefused) {
  const auto missing = open_rocksdb_store_read_only(place_.path() / "nothing");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::not_found);
  EXPECT_FALSE(fs::exists(place_.path() / "nothing"));
  expect_refused(Code::not_found, "there is no store at");
  std::ofstream(place_.path() / "letter.txt") << "dear";
  expect_refused(Code::failed_precondition, "is not a Thalo store");
}

INSTANTIATE_TEST_SUITE_P(Stretches, ReadOnlyTest, testing::Values(65'536u, 7u));

}  // namespace
}  // namespace thalo::store
