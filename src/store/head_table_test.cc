#include "store/head_table.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "store/stream_hash.h"

namespace thalo::store {
namespace {

TEST(HeadTable, LooksUpOnceWhilePinned) {
  int lookups = 0;
  HeadTable table(0, [&](std::string_view, std::uint64_t) -> base::Result<std::uint64_t> { return ++lookups * 10; });
  auto first = table.pin("a-1").value();
  auto second = table.pin("a-1").value();
  EXPECT_EQ(lookups, 1);
  EXPECT_EQ(first.stream(), "a-1");
  first.set_version(11);
  EXPECT_EQ(second.version(), 11u) << "both are the same head";
  first.release();
  EXPECT_EQ(table.pin("a-1").value().version(), 11u) << "still pinned by the second";
  second.release();
  EXPECT_EQ(table.size(), 0u);
  EXPECT_EQ(table.pin("a-1").value().version(), 20u) << "looked up again";
}

TEST(HeadTable, KeepsOnlySoManyIdleStreams) {
  HeadTable table(320, [](std::string_view, std::uint64_t) -> base::Result<std::uint64_t> { return 0; });
  std::vector<HeadTable::Pin> pins;
  pins.reserve(5'000);
  for (int index = 0; index < 5'000; ++index) pins.push_back(table.pin("s-" + std::to_string(index)).value());
  EXPECT_EQ(table.size(), 5'000u) << "pinned streams stay";
  pins.clear();
  EXPECT_LE(table.size(), 320u);
  EXPECT_GT(table.size(), 200u);
}

TEST(HeadTable, RemembersWhatWasCommittedToIdleStreams) {
  int lookups = 0;
  HeadTable table(100'000, [&](std::string_view, std::uint64_t) -> base::Result<std::uint64_t> {
    ++lookups;
    return 0;
  });
  const auto name = [](int index) { return "counter-" + std::string(index % 40, 'x') + std::to_string(index); };
  for (std::uint64_t round = 0; round < 3; ++round) {
    for (int index = 0; index < 5'000; ++index) {
      auto pin = table.pin(name(index)).value();
      ASSERT_EQ(pin.version(), round) << name(index);
      pin.set_version(round + 1);
    }
  }
  EXPECT_EQ(lookups, 5'000);
  EXPECT_EQ(table.size(), 5'000u);
}

TEST(HeadTable, ALongNameIsRememberedToo) {
  int lookups = 0;
  HeadTable table(1'000, [&](std::string_view, std::uint64_t) -> base::Result<std::uint64_t> { return ++lookups; });
  const std::string longest(385, 'a');
  EXPECT_EQ(table.pin(longest).value().version(), 1u);
  EXPECT_EQ(table.pin(longest).value().version(), 1u);
  EXPECT_EQ(table.pin(longest + "b").value().version(), 2u);
}

TEST(HeadTable, TheNameIsThatOfWhoPinsAndNoCopy) {
  HeadTable table(1'000, [](std::string_view, std::uint64_t) -> base::Result<std::uint64_t> { return 0; });
  const base::SharedText first = "a-1";
  EXPECT_TRUE(table.pin(first).value().stream().is_same(first));
  const base::SharedText later = "a-1";
  EXPECT_TRUE(table.pin(later).value().stream().is_same(later)) << "an entity that came back has its name anew";
  EXPECT_TRUE(table.pin(later).value().stream().is_same(later));
}

TEST(HeadTable, ALookupForOneTimeIsKeptForTheNextPin) {
  HeadTable table(1'000, [&](std::string_view, std::uint64_t) -> base::Result<std::uint64_t> {
    ADD_FAILURE() << "looked up although it was told";
    return 0;
  });
  const auto told = [](std::string_view, std::uint64_t) -> base::Result<std::uint64_t> { return 7; };
  EXPECT_EQ(table.pin("a-1", stream_hash("a-1"), told).value().version(), 7u);
  EXPECT_EQ(table.pin("a-1").value().version(), 7u);
}

TEST(HeadTable, AFailedLookupLeavesNothingBehind) {
  bool fails = true;
  HeadTable table(100, [&](std::string_view, std::uint64_t) -> base::Result<std::uint64_t> {
    if (fails) return base::fail(base::Code::data_loss, "the disk is gone");
    return 3;
  });
  EXPECT_EQ(table.pin("a-1").error().message, "the disk is gone");
  EXPECT_EQ(table.size(), 0u);
  fails = false;
  EXPECT_EQ(table.pin("a-1").value().version(), 3u);
}

TEST(HeadTable, LaterPinsWaitForTheLookupOfTheFirst) {
  std::mutex mutex;
  std::condition_variable changed;
  bool open = false;
  std::atomic<int> lookups = 0;
  HeadTable table(0, [&](std::string_view, std::uint64_t) -> base::Result<std::uint64_t> {
    ++lookups;
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return open; });
    return 7;
  });
  HeadTable::Pin kept;
  std::thread first([&] { kept = table.pin("a-1").value(); });
  while (lookups == 0) std::this_thread::yield();
  std::thread second([&] { EXPECT_EQ(table.pin("a-1").value().version(), 7u); });
  {
    const std::lock_guard lock(mutex);
    open = true;
  }
  changed.notify_all();
  first.join();
  second.join();
  EXPECT_EQ(lookups, 1);
}

// Threads pin, a "committer" moves versions and publishes before it releases; a forgotten stream is never looked up at
// an old version.
TEST(HeadTable, NeverShowsAnOldVersion) {
  constexpr int streams = 5;
  constexpr int rounds = 20'000;
  std::array<std::atomic<std::uint64_t>, streams> published{};
  HeadTable table(0, [&](std::string_view stream, std::uint64_t) -> base::Result<std::uint64_t> {
    return published[stream[2] - '0'].load();
  });
  std::mutex commit;  // one committer at a time
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (unsigned seed = 0; seed < 4; ++seed) {
    threads.emplace_back([&, seed] {
      std::mt19937 random(seed);
      for (int round = 0; round < rounds; ++round) {
        const auto which = random() % streams;
        auto pin = table.pin("s-" + std::to_string(which)).value();
        const std::lock_guard lock(commit);
        ASSERT_EQ(pin.version(), published[which]);
        pin.set_version(pin.version() + 1);
        ++published[which];
        pin.release();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  std::uint64_t total = 0;
  for (const auto& count : published) total += count;
  EXPECT_EQ(total, 4u * rounds);
}

}  // namespace
}  // namespace thalo::store
