// Appending: order, versions, durability, failure.
#include <atomic>
#include <map>
#include <thread>

#include "store/store_suite.h"

namespace thalo::store {
namespace {

using base::Code;
using model::ExpectedVersion;
using testing::ElementsAre;
using testing::HasSubstr;

TEST_P(StoreSuite, AnEmptyStoreHasNothing) {
  EXPECT_EQ(store_->head(), 0u);
  EXPECT_EQ(store_->stream_version("counter-a"), 0u);
  EXPECT_TRUE(read_stream(*store_, {.stream = "counter-a"}).empty());
  EXPECT_TRUE(read_all(*store_).empty());
  EXPECT_EQ(store_->poisoned(), std::nullopt);
}

TEST_P(StoreSuite, AnEventComesBackAsItWasGiven) {
  Append given = make_append("account:command-42", {});
  given.time_ms = -5;
  const std::string odd("\0\xff{\"a\":1}\n", 10);
  given.events = {{"Opened", odd, "{\"m\":true}"}, {"Päid", "", ""}};
  const auto appended = append(given);
  ASSERT_TRUE(appended) << appended.error().message;
  EXPECT_EQ(appended->first_global_position, 0u);
  EXPECT_EQ(appended->first_position, 0u);
  EXPECT_EQ(appended->count, 2u);
  const std::vector<model::Event> expected = {{.global_position = 0,
                                               .position = 0,
                                               .time_ms = -5,
                                               .stream = std::string(given.stream),
                                               .type = "Opened",
                                               .data = odd,
                                               .metadata = "{\"m\":true}"},
                                              {.global_position = 1,
                                               .position = 1,
                                               .time_ms = -5,
                                               .stream = std::string(given.stream),
                                               .type = "Päid",
                                               .data = "",
                                               .metadata = ""}};
  EXPECT_EQ(read_stream(*store_, {.stream = given.stream}), expected);
  EXPECT_EQ(read_all(*store_), expected);
  reopen();
  EXPECT_EQ(read_stream(*store_, {.stream = given.stream}), expected) << "after reopening";
  EXPECT_EQ(read_all(*store_), expected) << "after reopening";
}

TEST_P(StoreSuite, PositionsAreGaplessPerStreamAndGlobally) {
  for (int round = 0; round < 10; ++round) {
    for (const char* stream : {"counter-a", "counter-b", "counter-ab", "other-a"}) {
      const auto appended = append(make_append(stream, {"1", "2", "3"}));
      ASSERT_TRUE(appended);
      EXPECT_EQ(appended->first_position, static_cast<std::uint64_t>(round) * 3);
    }
  }
  EXPECT_EQ(store_->head(), 120u);
  expect_consistent(*store_);
}

TEST_P(StoreSuite, TheExpectedVersionDecides) {
  EXPECT_EQ(append(make_append("c-1", {"a"}, ExpectedVersion::exact(1))).error().code, Code::aborted) << "no event yet";
  ASSERT_TRUE(append(make_append("c-1", {"a", "b"}, ExpectedVersion::none())));
  EXPECT_EQ(append(make_append("c-1", {"x"}, ExpectedVersion::none())).error().code, Code::aborted);
  const auto stale = append(make_append("c-1", {"x"}, ExpectedVersion::exact(1)));
  ASSERT_FALSE(stale);
  EXPECT_EQ(stale.error().code, Code::aborted);
  EXPECT_THAT(stale.error().message, HasSubstr("stream c-1 is at version 2, not at the expected 1"));
  ASSERT_TRUE(append(make_append("c-1", {"c"}, ExpectedVersion::exact(2))));
  ASSERT_TRUE(append(make_append("c-1", {"d"})));
  EXPECT_THAT(data_of(read_stream(*store_, {.stream = "c-1"})), ElementsAre("a", "b", "c", "d"))
      << "nothing of a refused append is stored";
  EXPECT_EQ(store_->head(), 4u);
  reopen();
  EXPECT_EQ(append(make_append("c-1", {"x"}, ExpectedVersion::exact(3))).error().code, Code::aborted)
      << "also after reopening";
  EXPECT_TRUE(append(make_append("c-1", {"e"}, ExpectedVersion::exact(4))));
}

TEST_P(StoreSuite, AppendsOfAChainFailWithTheFirstOfThemEvenWhenTheirVersionFits) {
  ASSERT_TRUE(append(make_append("counter-a", {"0"})));
  const auto chain = std::make_shared<Chain>();
  Append wrong = make_append("counter-a", {"x"}, ExpectedVersion::exact(0));
  wrong.chain = chain;
  EXPECT_EQ(append(wrong).error().code, Code::aborted);
  EXPECT_TRUE(chain->broken.load());
  Append fits = make_append("counter-a", {"y"}, ExpectedVersion::exact(1));
  fits.chain = chain;
  const auto refused = append(fits);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::aborted);
  EXPECT_THAT(refused.error().message, HasSubstr("on which this one rests"));
  EXPECT_TRUE(append(make_append("counter-a", {"1"}, ExpectedVersion::exact(1)))) << "one that stands alone";
  EXPECT_EQ(data_of(read_stream(*store_, {.stream = "counter-a"})), (std::vector<std::string>{"0", "1"}));
}

TEST_P(StoreSuite, AChainSeesWhatOthersAppendToItsStream) {
  const auto chain = std::make_shared<Chain>();
  const auto chained = [&](const std::string& data, std::uint64_t version) {
    Append append = make_append("counter-a", {data}, ExpectedVersion::exact(version));
    append.chain = chain;
    return append;
  };
  ASSERT_TRUE(append(chained("0", 0)));
  ASSERT_TRUE(append(make_append("counter-a", {"1"})));
  ASSERT_TRUE(append(make_append("counter-b", {"x"})));
  ASSERT_TRUE(append(chained("2", 2)));
  ASSERT_TRUE(append(make_append("counter-a", {"3"}, ExpectedVersion::exact(3))));
  EXPECT_EQ(append(chained("y", 3)).error().code, Code::aborted);
  EXPECT_EQ(data_of(read_stream(*store_, {.stream = "counter-a"})), (std::vector<std::string>{"0", "1", "2", "3"}));
}

TEST_P(StoreSuite, AppendsWaitingTogetherAreCommittedInOrderAndAnsweredInOneCallPerSink) {
  RecordingSink first_sink;
  RecordingSink second_sink;
  place_->hold_commits();
  ASSERT_TRUE(store_->append(make_append("c-held", {"0"}), first_sink));
  place_->wait_until_held();
  for (std::uint64_t tag = 0; tag < 100; ++tag) {
    // A speculating shard expects the version that its earlier appends, still waiting, will have made; every tenth is
    // wrong.
    const auto expected = ExpectedVersion::exact(tag % 10 == 9 ? 77 : tag - tag / 10);
    ASSERT_TRUE(store_->append(make_append("c-1", {std::to_string(tag)}, expected, tag),
                               tag % 2 == 0 ? first_sink : second_sink));
  }
  EXPECT_EQ(store_->head(), 0u);
  EXPECT_EQ(first_sink.size() + second_sink.size(), 0u) << "nothing is said before it is durable";
  EXPECT_EQ(store_->stream_version("c-1"), 0u);
  place_->release_commits();

  const auto even = first_sink.wait(51);
  const auto odd = second_sink.wait(50);
  EXPECT_EQ(first_sink.calls(), 2u) << "one call for the held batch, one for the rest";
  EXPECT_EQ(second_sink.calls(), 1u);
  for (std::size_t index = 0; index < 50; ++index) {
    EXPECT_EQ(even[index + 1].tag, index * 2);
    ASSERT_TRUE(even[index + 1].result);
    EXPECT_EQ(odd[index].tag, index * 2 + 1);
    EXPECT_EQ(odd[index].result.has_value(), odd[index].tag % 10 != 9);
  }
  EXPECT_EQ(store_->head(), 91u);
  expect_consistent(*store_);
}

TEST_P(StoreSuite, AnAppendBehindOneInFlightCountsIt) {
  RecordingSink sink;
  place_->hold_commits();
  ASSERT_TRUE(store_->append(make_append("c-1", {"a"}), sink));
  place_->wait_until_held();
  EXPECT_EQ(store_->stream_version("c-1"), 0u) << "not durable yet";
  ASSERT_TRUE(store_->append(make_append("c-1", {"b"}, ExpectedVersion::exact(1)), sink));
  ASSERT_TRUE(store_->append(make_append("c-1", {"x"}, ExpectedVersion::none()), sink));
  place_->release_commits();
  const auto outcomes = sink.wait(3);
  EXPECT_TRUE(outcomes[0].result);
  EXPECT_TRUE(outcomes[1].result);
  EXPECT_FALSE(outcomes[2].result);
  EXPECT_THAT(data_of(read_stream(*store_, {.stream = "c-1"})), ElementsAre("a", "b"));
}

TEST_P(StoreSuite, WhatASinkHearsIsReadable) {
  class ReadingSink final : public AppendSink {
   public:
    explicit ReadingSink(Store& store) : store_(store) {}
    void on_appended(std::span<AppendOutcome> outcomes) override {
      for (const AppendOutcome& outcome : outcomes) {
        const std::uint64_t end = outcome.result->first_global_position + outcome.result->count;
        bool readable = store_.head() >= end && store_.stream_version("c-1").value() >= end;
        readable = readable && store_.read_stream({.stream = "c-1", .from = end - 1}, [](const auto&) {
                                       return true;
                                     }).value() >= 1;
        readable = readable && store_.read_all({.from = end - 1}, [](const auto&) { return true; }).value().shown >= 1;
        if (!readable) ++unreadable;
        ++heard;
      }
    }
    int heard = 0;
    int unreadable = 0;

   private:
    Store& store_;
  } sink(*store_);
  for (int index = 0; index < 300; ++index) ASSERT_TRUE(store_->append(make_append("c-1", {"x"}), sink));
  store_->close();
  EXPECT_EQ(sink.heard, 300);
  EXPECT_EQ(sink.unreadable, 0);
}

TEST_P(StoreSuite, RacingAppendsToOneStreamEachGetTheirOwnVersion) {
  constexpr int thread_count = 4;
  constexpr std::uint64_t version_goal = 400;
  std::atomic<std::uint64_t> wins = 0;
  std::vector<std::thread> threads;
  threads.reserve(thread_count);
  for (int thread = 0; thread < thread_count; ++thread) {
    threads.emplace_back([&, thread] {
      while (true) {
        const std::uint64_t version = store_->stream_version("race-1").value();
        if (version >= version_goal) return;
        const auto won =
            append_and_wait(*store_, make_append("race-1", {std::to_string(thread)}, ExpectedVersion::exact(version)));
        if (won) {
          ++wins;
          EXPECT_EQ(won->first_position, version);
        } else {
          EXPECT_EQ(won.error().code, Code::aborted);
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(store_->stream_version("race-1"), wins.load());
  EXPECT_EQ(store_->head(), wins.load());
  expect_consistent(*store_);
}

TEST_P(StoreSuite, ManyThreadsOnManyStreamsLoseNothing) {
  constexpr int thread_count = 4;
  constexpr int appends = 500;
  std::vector<RecordingSink> sinks(thread_count);
  std::vector<std::thread> threads;
  threads.reserve(thread_count);
  for (int thread = 0; thread < thread_count; ++thread) {
    threads.emplace_back([&, thread] {
      for (int index = 0; index < appends; ++index) {
        const std::string stream = "s-" + std::to_string((index * 7 + thread) % 37);
        ASSERT_TRUE(store_->append(
            make_append(stream, std::vector<std::string>(1 + index % 3, "x"), ExpectedVersion::any(), index),
            sinks[thread]));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (auto& sink : sinks) {
    const auto outcomes = sink.wait(appends);
    for (int index = 0; index < appends; ++index) {
      EXPECT_EQ(outcomes[index].tag, static_cast<std::uint64_t>(index))
          << "a sink hears its outcomes in the order of its appends";
      EXPECT_TRUE(outcomes[index].result);
    }
  }
  expect_consistent(*store_);
  const auto head = store_->head();
  reopen();
  EXPECT_EQ(store_->head(), head);
  expect_consistent(*store_);
}

TEST_P(StoreSuite, AnAppendBeyondALimitIsRefusedByName) {
  RecordingSink sink;
  reopen({.append_bytes_max = 10'000, .append_events_max = 3});
  const auto none = store_->append(make_append("c-1", {}), sink);
  EXPECT_EQ(none.error().code, Code::invalid_argument);
  const auto many = store_->append(make_append("c-1", {"1", "2", "3", "4"}), sink);
  EXPECT_EQ(many.error().code, Code::invalid_argument);
  EXPECT_THAT(many.error().message, HasSubstr("has 4 events and may have 3"));
  const auto large = store_->append(make_append("c-1", {std::string(10'001, 'x')}), sink);
  EXPECT_EQ(large.error().code, Code::invalid_argument);
  EXPECT_THAT(large.error().message, HasSubstr("10000"));
  EXPECT_TRUE(append(make_append("c-1", {"1", "2", "3"}))) << "the store is none the worse";
}

TEST_P(StoreSuite, AFullQueueAnswersAtOnce) {
  reopen({.queue_appends_max = 3});
  RecordingSink sink;
  place_->hold_commits();
  ASSERT_TRUE(store_->append(make_append("c-1", {"x"}), sink));
  place_->wait_until_held();
  for (int index = 0; index < 3; ++index) ASSERT_TRUE(store_->append(make_append("c-1", {"x"}), sink));
  const auto full = store_->append(make_append("c-1", {"x"}), sink);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Code::resource_exhausted);
  EXPECT_THAT(full.error().message, HasSubstr("append queue is full"));
  place_->release_commits();
  for (const auto& outcome : sink.wait(4)) EXPECT_TRUE(outcome.result);
  EXPECT_TRUE(append(make_append("c-1", {"x"}, ExpectedVersion::exact(4)))) << "the refused one left no trace";
}

TEST_P(StoreSuite, TheQueueIsBoundedInBytesToo) {
  reopen({.queue_bytes_max = 1'000});
  RecordingSink sink;
  place_->hold_commits();
  ASSERT_TRUE(store_->append(make_append("c-1", {std::string(5'000, 'x')}), sink)) << "an empty queue takes any append";
  place_->wait_until_held();
  const auto full = store_->append(make_append("c-1", {"x"}), sink);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Code::resource_exhausted);
  place_->release_commits();
  sink.wait(1);
  EXPECT_TRUE(append(make_append("c-1", {"x"})));
}

TEST_P(StoreSuite, ALargeAppendIsStoredWhole) {
  reopen({.batch_bytes_max = 1'000, .batch_events_max = 10});
  ASSERT_TRUE(append(make_append("c-1", std::vector<std::string>(500, std::string(100, 'x')))));
  EXPECT_EQ(store_->stream_version("c-1"), 500u);
  expect_consistent(*store_);
}

TEST_P(StoreSuite, HeadMovedIsCalledAfterEachCommitUntilStopped) {
  std::mutex mutex;
  std::vector<std::uint64_t> heads;
  const auto id = store_->on_head_moved([&](const Commit& commit) {
    const std::lock_guard lock(mutex);
    EXPECT_GE(store_->head(), commit.head) << "the head is public when the callback runs";
    heads.push_back(commit.head);
  });
  ASSERT_TRUE(append(make_append("c-1", {"1", "2"})));
  ASSERT_FALSE(append(make_append("c-1", {"x"}, ExpectedVersion::none())));
  ASSERT_TRUE(append(make_append("c-1", {"3"})));
  store_->stop_head_moved(id);
  {
    const std::lock_guard lock(mutex);
    // The outcome comes before the callback: the last callback may have been stopped.
    ASSERT_GE(heads.size(), 1u);
    EXPECT_EQ(heads[0], 2u);
  }
  const auto count = heads.size();
  ASSERT_TRUE(append(make_append("c-1", {"4"})));
  store_->close();
  EXPECT_EQ(heads.size(), count);
}

TEST_P(StoreSuite, CommitsShowEveryStoredEventAsItIsReadAndNoOther) {
  std::vector<model::Event> shown;
  store_->on_head_moved([&](const Commit& commit) {
    commit.for_each([&](const model::EventView& event) {
      shown.push_back(model::Event::from(event));
      return true;
    });
    EXPECT_EQ(shown.size(), commit.head);
  });
  RecordingSink sink;
  place_->hold_commits();  // so that several appends, and refused ones among them, share a commit
  for (int round = 0; round < 20; ++round) {
    const std::string stream = "c-" + std::to_string(round % 3);
    ASSERT_TRUE(store_->append(make_append(stream, {"1", std::string(1000, 'x'), ""}), sink));
    ASSERT_TRUE(store_->append(make_append(stream, {"refused"}, ExpectedVersion::none()), sink));
  }
  place_->release_commits();
  store_->close();
  EXPECT_EQ(shown.size(), 60u);
  reopen();
  EXPECT_EQ(shown, read_all(*store_));
}

TEST_P(StoreSuite, ACallbackMayStopItself) {
  std::atomic<int> calls = 0;
  std::uint64_t id = 0;
  id = store_->on_head_moved([&](const Commit&) {
    ++calls;
    store_->stop_head_moved(id);
  });
  ASSERT_TRUE(append(make_append("c-1", {"1"})));
  ASSERT_TRUE(append(make_append("c-1", {"2"})));
  store_->close();
  EXPECT_EQ(calls, 1);
}

TEST_P(StoreSuite, ClosingCommitsWhatIsQueuedAndRefusesMore) {
  RecordingSink sink;
  place_->hold_commits();
  for (int index = 0; index < 50; ++index) ASSERT_TRUE(store_->append(make_append("c-1", {"x"}), sink));
  std::thread closing([&] { store_->close(); });
  place_->wait_until_held();
  place_->release_commits();
  closing.join();
  EXPECT_EQ(sink.size(), 50u) << "every outcome is there when close returns";
  for (const auto& outcome : sink.wait(50)) EXPECT_TRUE(outcome.result);
  const auto late = store_->append(make_append("c-1", {"x"}), sink);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::unavailable);
  EXPECT_EQ(store_->save_cursor("p", {}).error().code, Code::unavailable);
  EXPECT_EQ(read_stream(*store_, {.stream = "c-1"}).size(), 50u) << "reading goes on";
  store_->close();
  reopen();
  EXPECT_EQ(store_->stream_version("c-1"), 50u);
}

// What a failing write and a failing sync have in common.
void expect_poisoned(Store& store, RecordingSink& sink, std::size_t waiting) {
  const auto outcomes = sink.wait(waiting);
  for (const auto& outcome : outcomes) {
    ASSERT_FALSE(outcome.result);
    EXPECT_EQ(outcome.result.error().code, Code::unavailable);
    EXPECT_THAT(outcome.result.error().message, HasSubstr("restart the runtime"));
  }
  const auto refused = store.append(make_append("c-1", {"x"}), sink);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unavailable);
  ASSERT_TRUE(store.poisoned());
  EXPECT_EQ(*store.poisoned(), refused.error());
  EXPECT_EQ(store.save_cursor("p", {}).error().code, Code::unavailable);
  EXPECT_EQ(store.save_snapshot("c-1", {}).error().code, Code::unavailable);
  EXPECT_EQ(store.head(), 2u) << "the head stays at what is durable";
  EXPECT_EQ(store.stream_version("c-1"), 2u);
  EXPECT_THAT(data_of(read_stream(store, {.stream = "c-1"})), ElementsAre("a", "b")) << "reading goes on";
  EXPECT_THAT(data_of(read_all(store)), ElementsAre("a", "b"));
}

TEST_P(StoreSuite, AFailedWriteFailsEverythingInAndBehindItsBatchUntilReopened) {
  ASSERT_TRUE(append(make_append("c-1", {"a", "b"})));
  RecordingSink sink;
  place_->hold_commits();
  ASSERT_TRUE(store_->append(make_append("c-1", {"c"}), sink));
  place_->wait_until_held();
  place_->fail_next_write();
  ASSERT_TRUE(store_->append(make_append("c-1", {"d"}), sink));
  // Wrong only because of "c" and "d", which are never stored: the caller must not hear that it lost a race against
  // them.
  ASSERT_TRUE(store_->append(make_append("c-1", {"e"}, ExpectedVersion::exact(2)), sink));
  place_->release_commits();
  expect_poisoned(*store_, sink, 3);
  reopen();
  EXPECT_EQ(store_->poisoned(), std::nullopt);
  EXPECT_THAT(data_of(read_all(*store_)), ElementsAre("a", "b"));
  EXPECT_TRUE(append(make_append("c-1", {"c"}, ExpectedVersion::exact(2)))) << "a reopened store writes again";
  expect_consistent(*store_);
}

TEST_P(StoreSuite, AWrongVersionFoundOnTopOfEventsThatWereNotStoredIsNotTold) {
  // Makes the batch behind the first fail.
  class FailingSink final : public AppendSink {
   public:
    explicit FailingSink(StorePlace& place) : place_(place) {}
    void on_appended(std::span<AppendOutcome> /*outcomes*/) override { place_.fail_next_write(); }

   private:
    StorePlace& place_;
  } first_sink(*place_);
  RecordingSink sink;
  place_->hold_commits();
  ASSERT_TRUE(store_->append(make_append("c-1", {"a"}), first_sink));
  place_->wait_until_held();
  // In one batch: "b" is never stored, so the other has lost no race against it.
  ASSERT_TRUE(store_->append(make_append("c-1", {"b"}), sink));
  ASSERT_TRUE(store_->append(make_append("c-1", {"x"}, ExpectedVersion::exact(1)), sink));
  place_->release_commits();
  for (const auto& outcome : sink.wait(2)) {
    ASSERT_FALSE(outcome.result);
    EXPECT_EQ(outcome.result.error().code, Code::unavailable);
  }
  EXPECT_EQ(sink.calls(), 1u);
}

TEST_P(StoreSuite, AFailedSyncPoisonsAndAPowerCutLeavesOnlyWhatWasSynced) {
  ASSERT_TRUE(append(make_append("c-1", {"a", "b"})));
  RecordingSink sink;
  place_->fail_next_sync();
  ASSERT_TRUE(store_->append(make_append("c-1", {"c", "d"}), sink));
  expect_poisoned(*store_, sink, 1);
  store_.reset();
  place_->drop_unsynced();
  reopen();
  EXPECT_THAT(data_of(read_all(*store_)), ElementsAre("a", "b"));
  EXPECT_TRUE(append(make_append("c-1", {"c"}, ExpectedVersion::exact(2))));
  expect_consistent(*store_);
}

TEST_P(StoreSuite, AfterAFailedSyncWithoutAPowerCutTheCommandIsThereWholeOrNotAtAll) {
  ASSERT_TRUE(append(make_append("c-1", {"a", "b"})));
  RecordingSink sink;
  place_->fail_next_sync();
  ASSERT_TRUE(store_->append(make_append("c-1", {"c", "d"}), sink));
  expect_poisoned(*store_, sink, 1);
  reopen();
  const auto version = store_->stream_version("c-1");
  EXPECT_TRUE(version == 2u || version == 4u) << *version;
  EXPECT_EQ(store_->head(), *version);
  expect_consistent(*store_);
}

TEST_P(StoreSuite, AFailedCursorSavePoisonsToo) {
  place_->fail_next_sync();
  const auto saved = store_->save_cursor("p", {.next = 1, .data = ""});
  ASSERT_FALSE(saved);
  EXPECT_EQ(saved.error().code, Code::unavailable);
  EXPECT_TRUE(store_->poisoned());
}

}  // namespace
}  // namespace thalo::store
