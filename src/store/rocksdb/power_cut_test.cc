// What a power cut and a failing disk leave, case by case; durability_test.cc does it at random.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "store/rocksdb/rocksdb_place.h"

namespace thalo::store {
namespace {

using Streams = std::map<std::string, std::vector<std::string>>;

// Appends random commands until one fails, and enters what was acknowledged. Returns the failed one, if any.
std::optional<Append> append_until_failure(Store& store, std::mt19937& random, Streams& acknowledged, int commands) {
  for (int command = 0; command < commands; ++command) {
    const std::string stream = "s-" + std::to_string(random() % 10);
    std::vector<std::string> data(1 + random() % 4);
    for (auto& text : data) text = std::to_string(random()) + std::string(random() % 2'000, 'x');
    Append append = make_append(stream, data, model::ExpectedVersion::exact(acknowledged[stream].size()));
    if (!append_and_wait(store, append)) return append;
    auto& events = acknowledged[stream];
    events.insert(events.end(), data.begin(), data.end());
    if (random() % 10 == 0 &&
        !store.save_snapshot(stream,
                             {.version = 1, .module_digest = "", .format = "", .data = std::string(3'000, 's')})) {
      return Append{};
    }
    if (random() % 10 == 0 && !store.save_cursor("p", {.next = random(), .data = ""})) return Append{};
  }
  return std::nullopt;
}

// What is stored is what was acknowledged, plus the failed command as a whole or not at all; `acknowledged` then says
// which.
void check(Store& store, Streams& acknowledged, const std::optional<Append>& failed) {
  expect_consistent(store);
  if (failed && store.stream_version(failed->stream).value() > acknowledged[std::string(failed->stream)].size()) {
    for (const auto& event : failed->events) acknowledged[std::string(failed->stream)].push_back(event.data);
  }
  for (const auto& [stream, events] : acknowledged) {
    ASSERT_EQ(data_of(read_stream(store, {.stream = stream})), events) << stream;
  }
}

RocksdbOptions small_buffers(const RocksdbPlace& place) {
  RocksdbOptions options = place.options();
  options.events_buffer_bytes = std::size_t{128} << 10;
  options.index_buffer_bytes = std::size_t{64} << 10;
  return options;
}

TEST(PowerCut, TheTestDiskForgetsWhatIsNotSynced) {
  RocksdbPlace place;
  auto store = place.open({});
  ASSERT_TRUE(store->save_snapshot("s-1", {}));
  ASSERT_TRUE(append_and_wait(*store, make_append("s-1", {"x"})));
  ASSERT_TRUE(store->save_snapshot("s-2", {}));
  place.disk().cut_power_after(1);
  store.reset();
  place.disk().drop_unsynced();
  store = place.open({});
  EXPECT_EQ(store->stream_version("s-1"), 1u);
  EXPECT_TRUE(store->load_snapshot("s-1").value()) << "synced together with the event behind it";
  EXPECT_FALSE(store->load_snapshot("s-2").value()) << "a snapshot is not synced by itself";
}

TEST(BackgroundFailure, AFailedFlushPoisonsAndReopeningHeals) {
  RocksdbPlace place;
  auto store = *place.try_open(small_buffers(place));
  Streams acknowledged;
  std::mt19937 random(1);
  place.disk().fail_next_append(".sst");
  const auto failed = append_until_failure(*store, random, acknowledged, 100'000);
  ASSERT_TRUE(failed) << "a store whose files cannot be written stops taking appends";
  ASSERT_TRUE(store->poisoned());
  EXPECT_THAT(store->poisoned()->message, testing::HasSubstr("writing a full buffer to its file failed"));
  EXPECT_THAT(store->poisoned()->message, testing::HasSubstr("the test fails this write"));
  for (const auto& [stream, events] : acknowledged) EXPECT_EQ(data_of(read_stream(*store, {.stream = stream})), events);
  store.reset();
  store = *place.try_open(small_buffers(place));
  ASSERT_NO_FATAL_FAILURE(check(*store, acknowledged, failed));
}

TEST(BackgroundFailure, AFailedSyncIsNotTriedAgain) {
  RocksdbPlace place;
  auto store = place.open({});
  place.disk().fail_next_sync(".log");
  EXPECT_FALSE(append_and_wait(*store, make_append("s-1", {"x"})));
  const auto syncs = place.disk().syncs();
  EXPECT_FALSE(append_and_wait(*store, make_append("s-1", {"x"})));
  EXPECT_FALSE(store->save_cursor("p", {}));
  store->close();
  EXPECT_EQ(place.disk().syncs(), syncs);
}

}  // namespace
}  // namespace thalo::store
