// Reads beside appends: they show whole commands. And those that an append follows (StreamQuery::append_follows): what
// they find out is the version that the append counts on, so it must not be one that was true only a moment ago.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "store/rocksdb/rocksdb_place.h"

namespace thalo::store {
namespace {

// Every event begins a stretch of its own and no version is remembered: each is looked up, in lists that are old at
// once. One that is looked up before its stream is pinned is wrong so often that an append meets it well before the end
// of the test.
TEST(AppendFollows, NobodyCountsOnAVersionThatIsOldAlready) {
  constexpr std::uint64_t appends = 20'000;
  RocksdbPlace place(1);
  place.disk().sync_in_name_only();
  const auto store = place.open({});
  std::atomic<bool> is_done = false;
  std::vector<std::thread> readers;
  readers.reserve(3);
  for (int reader = 0; reader < 3; ++reader) {
    readers.emplace_back([&] {
      const StreamQuery query{.stream = "race-1", .limit = 0, .append_follows = true};
      while (!is_done) ASSERT_TRUE(store->read_stream(query, [](const model::EventView&) { return true; }));
    });
  }
  for (std::uint64_t version = 0; version < appends; ++version) {
    const auto appended = append_and_wait(*store, make_append("race-1", {"x"}));
    EXPECT_TRUE(appended);
    if (!appended) break;
    EXPECT_EQ(appended->first_position, version) << "this version was given already";
    if (appended->first_position != version) break;
  }
  is_done = true;
  for (auto& reader : readers) reader.join();
}

// With three events a stretch, one of three commands of two events begins in one stretch and ends in the next.
TEST(ReadsBesideAppends, ShowWholeCommands) {
  constexpr std::uint64_t appends = 20'000;
  RocksdbPlace place(3);
  place.disk().sync_in_name_only();
  const auto store = place.open({});
  std::atomic<bool> is_done = false;
  std::vector<std::thread> readers;
  readers.reserve(2);
  for (const auto direction : {Direction::backwards, Direction::forwards}) {
    readers.emplace_back([&, direction] {
      while (!is_done) {
        std::uint64_t next = 0;
        StreamQuery query{.stream = "pairs-1", .from = UINT64_MAX, .direction = direction, .limit = 1};
        if (direction == Direction::forwards) {
          const auto version = store->stream_version("pairs-1");
          ASSERT_TRUE(version) << version.error().message;
          ASSERT_EQ(*version % 2, 0u);
          query.from = *version > 0 ? *version - 1 : 0;
          query.limit = UINT64_MAX;
        }
        const auto read = store->read_stream(query, [&](const model::EventView& event) {
          next = event.position + 1;
          return true;
        });
        ASSERT_TRUE(read) << read.error().message;
        ASSERT_EQ(next % 2, 0u) << "a command is shown in part";
      }
    });
  }
  for (std::uint64_t append = 0; append < appends; ++append) {
    const auto appended = append_and_wait(*store, make_append("pairs-1", {"x", "y"}));
    EXPECT_TRUE(appended);
    if (!appended) break;
  }
  is_done = true;
  for (auto& reader : readers) reader.join();
}

// No version is remembered here, so that nothing but the query keeps the stream's name.
TEST(AppendFollows, TheEventsOfAnOldStreamAreRead) {
  RocksdbPlace place(1);
  const auto store = place.open({});
  const std::string stream = "old-with-a-name-too-long-for-a-string-to-hold-in-itself";
  for (int number = 0; number < 3; ++number) ASSERT_TRUE(append_and_wait(*store, make_append(stream, {"x"})));
  std::uint64_t seen = 0;
  const auto version =
      store->read_stream({.stream = stream, .append_follows = true}, [&](const model::EventView& event) {
        EXPECT_EQ(event.stream, stream);
        ++seen;
        return true;
      });
  ASSERT_TRUE(version) << version.error().message;
  EXPECT_EQ(*version, 3u);
  EXPECT_EQ(seen, 3u);
}

}  // namespace
}  // namespace thalo::store
