// Reading, cursors, snapshots.
#include <atomic>
#include <map>
#include <random>
#include <thread>

#include "store/store_suite.h"

namespace thalo::store {

namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_P(StoreSuite, AStreamIsReadForwardsAndBackwardsFromAnyVersion) {
  for (const char* text : {"0", "1", "2", "3", "4"}) {
    ASSERT_TRUE(append(make_append("c-1", {text})));
    ASSERT_TRUE(append(make_append("c-10", {"other"})));
  }
  const auto read = [&](model::Position from, Direction direction, std::uint64_t limit = UINT64_MAX) {
    return data_of(read_stream(*store_, {.stream = "c-1", .from = from, .direction = direction, .limit = limit}));
  };
  EXPECT_THAT(read(0, Direction::forwards), ElementsAre("0", "1", "2", "3", "4"));
  EXPECT_THAT(read(3, Direction::forwards), ElementsAre("3", "4"));
  EXPECT_THAT(read(1, Direction::forwards, 2), ElementsAre("1", "2"));
  EXPECT_THAT(read(5, Direction::forwards), IsEmpty());
  EXPECT_THAT(read(newest, Direction::forwards), IsEmpty());
  EXPECT_THAT(read(0, Direction::forwards, 0), IsEmpty());
  EXPECT_THAT(read(newest, Direction::backwards), ElementsAre("4", "3", "2", "1", "0"));
  EXPECT_THAT(read(7, Direction::backwards), ElementsAre("4", "3", "2", "1", "0"))
      << "from beyond the end means the newest";
  EXPECT_THAT(read(2, Direction::backwards), ElementsAre("2", "1", "0"));
  EXPECT_THAT(read(3, Direction::backwards, 2), ElementsAre("3", "2"));
  EXPECT_THAT(read(0, Direction::backwards), ElementsAre("0"));
}

TEST_P(StoreSuite, AVisitorMayStopAndMayReadTheStore) {
  ASSERT_TRUE(append(make_append("c-1", {"0", "1", "2"})));
  std::vector<std::string> seen;
  const auto shown = store_->read_stream({.stream = "c-1"}, [&](const model::EventView& event) {
    seen.emplace_back(event.data);
    EXPECT_EQ(read_stream(*store_, {.stream = "c-1", .from = event.position}).size(), 3 - event.position);
    return seen.size() < 2;
  });
  EXPECT_EQ(shown, 2u);
  EXPECT_THAT(seen, ElementsAre("0", "1"));
  const auto result = store_->read_all({}, [&](const model::EventView&) { return false; });
  ASSERT_TRUE(result);
  EXPECT_EQ(result->next, 1u) << "the event that stopped the read is done";
  EXPECT_EQ(result->shown, 1u);
}

TEST_P(StoreSuite, TheStoreIsReadByCategoryStreamAndType) {
  const auto add = [&](const char* stream, const char* type, const char* data) {
    Append append = make_append(stream, {data});
    append.events[0].type = type;
    ASSERT_TRUE(append_and_wait(*store_, append));
  };
  add("a-1", "X", "0");
  add("b-1", "X", "1");
  add("a-2", "Y", "2");
  add("a:c-1", "X", "3");
  add("a-1", "Y", "4");
  const auto read = [&](const Filter& filter) { return data_of(read_all(*store_, {.filter = &filter})); };
  EXPECT_THAT(read({}), ElementsAre("0", "1", "2", "3", "4"));
  EXPECT_THAT(read({.categories = {"a"}}), ElementsAre("0", "2", "4"));
  EXPECT_THAT(read({.categories = {"a:c", "b"}}), ElementsAre("1", "3"));
  EXPECT_THAT(read({.streams = {"a-1"}}), ElementsAre("0", "4"));
  EXPECT_THAT(read({.types = {"Y"}}), ElementsAre("2", "4"));
  EXPECT_THAT(read({.categories = {"a"}, .types = {"X"}}), ElementsAre("0"));
  EXPECT_THAT(read({.categories = {"a"}, .streams = {"b-1"}}), IsEmpty());
}

TEST_P(StoreSuite, ReadAllGoesOnWhereItStopped) {
  for (int index = 0; index < 10; ++index) ASSERT_TRUE(append(make_append(index % 3 == 0 ? "a-1" : "b-1", {"x"})));
  const Filter filter{.categories = {"a"}, .streams = {}, .types = {}};
  const auto read = [&](AllQuery query) {
    query.filter = &filter;
    return store_->read_all(query, [](const model::EventView&) { return true; }).value();
  };
  AllResult result = read({.limit = 2});  // shows 0 and 3
  EXPECT_EQ(result.shown, 2u);
  EXPECT_EQ(result.skipped, 2u);
  EXPECT_EQ(result.next, 4u);
  result = read({.from = 4, .scan_limit = 3});  // looks at 4, 5, 6
  EXPECT_EQ(result.shown, 1u);
  EXPECT_EQ(result.skipped, 2u);
  EXPECT_EQ(result.next, 7u);
  result = read({.from = 7});
  EXPECT_EQ(result.shown, 1u);
  EXPECT_EQ(result.next, 10u) << "everything was looked at";
  result = read({.from = 10});
  EXPECT_EQ(result.next, 10u);
  result = read({.from = 50});
  EXPECT_EQ(result.next, 50u) << "never backwards";
  EXPECT_EQ(result.shown + result.skipped, 0u);
  result = read({.from = 2, .limit = 0});
  EXPECT_EQ(result.next, 2u);
  result = read({.from = 2, .scan_limit = 0});
  EXPECT_EQ(result.next, 2u);
}

// Readers race with the committer: whatever they see is gapless and within the head they could know.
TEST_P(StoreSuite, AReaderSeesAGaplessPrefixWhileAppendsGoOn) {
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  readers.reserve(2);
  for (int reader = 0; reader < 2; ++reader) {
    readers.emplace_back([&, reader] {
      std::uint64_t last_version = 0;
      do {
        if (reader == 0) {
          const auto head = store_->head();
          const auto events = read_all(*store_);
          EXPECT_GE(events.size(), head);
          for (std::size_t index = 0; index < events.size(); ++index) ASSERT_EQ(events[index].global_position, index);
        } else {
          const auto version = store_->stream_version("c-1").value();
          EXPECT_GE(version, last_version);
          last_version = version;
          const auto events = read_stream(*store_, {.stream = "c-1"});
          EXPECT_GE(events.size(), version);
          for (std::size_t index = 0; index < events.size(); ++index) ASSERT_EQ(events[index].position, index);
        }
      } while (!done);
    });
  }
  RecordingSink sink;
  for (int index = 0; index < 1'500; ++index) {
    ASSERT_TRUE(store_->append(make_append(index % 2 == 0 ? "c-1" : "c-2", {"x", "y"}), sink));
    if (index % 50 == 49) sink.wait(static_cast<std::size_t>(index));
  }
  sink.wait(1'500);
  done = true;
  for (auto& thread : readers) thread.join();
  expect_consistent(*store_);
}

TEST_P(StoreSuite, AReadFromTheEndIsGaplessWhileTheIndexMovesOn) {
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  // More than there are cores, so that one is held up in the middle of a read while many events are appended.
  constexpr int reader_count = 12;
  readers.reserve(reader_count);
  for (int reader = 0; reader < reader_count; ++reader) {
    readers.emplace_back([&] {
      while (!done) {
        const auto version = store_->stream_version("c-1").value();
        const auto events =
            read_stream(*store_, {.stream = "c-1", .from = UINT64_MAX, .direction = Direction::backwards, .limit = 5});
        if (version == 0) continue;
        ASSERT_FALSE(events.empty());
        EXPECT_GE(events.front().position + 1, version);
        for (std::size_t index = 1; index < events.size(); ++index)
          ASSERT_EQ(events[index].position + 1, events[index - 1].position);
      }
    });
  }
  RecordingSink sink;
  constexpr std::size_t appends = 3'000;
  for (std::size_t index = 0; index < appends; ++index) {
    ASSERT_TRUE(store_->append(make_append(index % 3 == 0 ? "c-1" : "c-2", {"x", "y"}), sink));
    if (index % 10 == 9) sink.wait(index);
  }
  sink.wait(appends);
  done = true;
  for (auto& thread : readers) thread.join();
}

// Against a simple model: random streams, sizes and reopenings; everything reads as the model says.
TEST_P(StoreSuite, RandomHistoriesReadAsTheyWereWritten) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::map<std::string, std::vector<std::string>> model;
  std::uint64_t total = 0;
  for (int step = 0; step < 600; ++step) {
    const std::string stream = "s-" + std::to_string(random() % 20);
    auto& events = model[stream];
    std::vector<std::string> data(1 + random() % 5);
    for (auto& text : data) text = std::to_string(random());
    const auto appended = append(make_append(stream, data, model::ExpectedVersion::exact(events.size())));
    ASSERT_TRUE(appended) << appended.error().message;
    ASSERT_EQ(appended->first_global_position, total);
    total += data.size();
    events.insert(events.end(), data.begin(), data.end());
    if (random() % 100 == 0) reopen();
    const auto from = random() % (events.size() + 1);
    const auto limit = random() % 10;
    const auto got = data_of(read_stream(*store_, {.stream = stream, .from = from, .limit = limit}));
    const std::vector<std::string> wanted(events.begin() + from,
                                          events.begin() + std::min<std::size_t>(from + limit, events.size()));
    ASSERT_EQ(got, wanted);
  }
  for (const auto& [stream, events] : model) ASSERT_EQ(data_of(read_stream(*store_, {.stream = stream})), events);
  expect_consistent(*store_);
}

// Names and versions, in order.
std::vector<std::pair<std::string, std::uint64_t>> list_streams(Store& store, const StreamsQuery& query = {}) {
  std::vector<std::pair<std::string, std::uint64_t>> streams;
  const auto shown = store.list_streams(query, [&](const StreamSummary& summary) {
    streams.emplace_back(summary.stream, summary.version);
    return true;
  });
  EXPECT_EQ(shown.value(), streams.size());
  return streams;
}

TEST_P(StoreSuite, StreamsAreListedByNameWithTheirVersions) {
  EXPECT_THAT(list_streams(*store_), IsEmpty());
  for (const char* stream : {"b-2", "a-1", "b-1", "b-1", "b:c-1", "a-\xc3\xa4", "a-1", "a-10", "ab-1", "b-1"})
    ASSERT_TRUE(append(make_append(stream, {"x", "y"})));
  using Streams = std::vector<std::pair<std::string, std::uint64_t>>;
  const Streams all = {{"a-1", 4}, {"a-10", 2}, {"a-\xc3\xa4", 2}, {"ab-1", 2}, {"b-1", 6}, {"b-2", 2}, {"b:c-1", 2}};
  EXPECT_EQ(list_streams(*store_), all);
  EXPECT_EQ(list_streams(*store_, {.category = "b"}), (Streams{{"b-1", 6}, {"b-2", 2}}));
  EXPECT_EQ(list_streams(*store_, {.category = "a", .after = "a-1"}), (Streams{{"a-10", 2}, {"a-\xc3\xa4", 2}}));
  EXPECT_EQ(list_streams(*store_, {.after = "a-5"}), Streams(all.begin() + 2, all.end())) << "a name that is none";
  EXPECT_EQ(list_streams(*store_, {.after = "aa", .limit = 2}), Streams(all.begin() + 3, all.begin() + 5));
  EXPECT_THAT(list_streams(*store_, {.limit = 0}), IsEmpty());
  EXPECT_THAT(list_streams(*store_, {.category = "c"}), IsEmpty());
  EXPECT_THAT(list_streams(*store_, {.category = "b", .after = "c"}), IsEmpty());
  reopen();
  EXPECT_EQ(list_streams(*store_), all);
}

// Whole listings and listings by pages, while events move from memory to disk, against what was appended.
TEST_P(StoreSuite, AListingMissesNoStreamWhileAppendsGoOn) {
  std::atomic<bool> done = false;
  std::thread reader([&] {
    std::size_t known = 0;
    do {
      const auto whole = list_streams(*store_);
      ASSERT_GE(whole.size(), known);
      known = whole.size();
      std::size_t paged = 0;
      for (std::string after;; ++paged) {
        const auto page = list_streams(*store_, {.after = after, .limit = 1});
        if (page.empty()) break;
        ASSERT_LT(after, page[0].first);
        after = page[0].first;
      }
      ASSERT_GE(paged, known);
    } while (!done);
  });
  std::mt19937 random(7);
  std::map<std::string, std::uint64_t> model;
  for (int index = 0; index < 600; ++index) {
    const std::string stream = "s-" + std::to_string(random() % 100);
    const auto count = 1 + random() % 3;
    ASSERT_TRUE(append(make_append(stream, std::vector<std::string>(count, "x"))));
    model[stream] += count;
  }
  done = true;
  reader.join();
  EXPECT_EQ(list_streams(*store_), (std::vector<std::pair<std::string, std::uint64_t>>(model.begin(), model.end())));
}

TEST_P(StoreSuite, CursorsAreDurableAndNamed) {
  EXPECT_EQ(store_->load_cursor("p").value(), std::nullopt);
  const Cursor cursor{.next = 7, .data = std::string("a\0b", 3)};
  ASSERT_TRUE(store_->save_cursor("p", cursor));
  ASSERT_TRUE(store_->save_cursor("o", {.next = UINT64_MAX, .data = ""}));
  ASSERT_TRUE(store_->save_cursor("gone", {}));
  ASSERT_TRUE(store_->delete_cursor("gone"));
  ASSERT_TRUE(store_->delete_cursor("never there"));
  reopen();
  EXPECT_EQ(store_->load_cursor("p").value(), cursor);
  EXPECT_EQ(store_->load_cursor("gone").value(), std::nullopt);
  EXPECT_THAT(store_->list_cursors().value(),
              ElementsAre(std::pair<std::string, Cursor>("o", {.next = UINT64_MAX, .data = ""}),
                          std::pair<std::string, Cursor>("p", cursor)));
  ASSERT_TRUE(store_->save_cursor("p", {.next = 8, .data = ""}));
  EXPECT_EQ(store_->load_cursor("p").value()->next, 8u) << "the last save counts";
}

TEST_P(StoreSuite, CursorsSurviveAPowerCut) {
  ASSERT_TRUE(store_->save_cursor("p", {.next = 7, .data = "d"}));
  store_.reset();
  place_->drop_unsynced();
  reopen();
  EXPECT_EQ(store_->load_cursor("p").value()->next, 7u);
}

TEST_P(StoreSuite, ASnapshotReplacesTheOlderOne) {
  ASSERT_TRUE(append(make_append("c-1", {"0", "1", "2"})));
  EXPECT_EQ(store_->load_snapshot("c-1").value(), std::nullopt);
  ASSERT_TRUE(store_->save_snapshot("c-1", {.version = 1, .module_digest = "d", .format = "", .data = "old"}));
  const Snapshot snapshot{.version = 3, .module_digest = "digest", .format = "f", .data = std::string("\0\xff", 2)};
  ASSERT_TRUE(store_->save_snapshot("c-1", snapshot));
  EXPECT_EQ(store_->load_snapshot("c-1").value(), snapshot);
  EXPECT_EQ(store_->load_snapshot("c-10").value(), std::nullopt);
  reopen();
  EXPECT_EQ(store_->load_snapshot("c-1").value(), snapshot) << "kept by a clean close";
  ASSERT_TRUE(store_->delete_snapshot("c-1"));
  EXPECT_EQ(store_->load_snapshot("c-1").value(), std::nullopt);
}

TEST_P(StoreSuite, ASnapshotAheadOfItsStreamIsNeverShown) {
  ASSERT_TRUE(append(make_append("c-1", {"0"})));
  ASSERT_TRUE(store_->save_snapshot(
      "c-1", {.version = 2, .module_digest = "d", .format = "", .data = "from events that never were"}));
  EXPECT_EQ(store_->load_snapshot("c-1").value(), std::nullopt);
}

TEST_P(StoreSuite, TheIdStaysTheStoresOwn) {
  const model::StoreId id = store_->id();
  EXPECT_NE(id, model::StoreId{});
  reopen();
  EXPECT_EQ(store_->id(), id);
  const auto other = GetParam().make();
  EXPECT_NE(other->open({})->id(), id);
}

}  // namespace
}  // namespace thalo::store
