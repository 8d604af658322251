// What the feed's parts promise together.
#include <malloc.h>

#include "feed/testing/feed_fixture.h"

namespace thalo::feed {
namespace {

TEST_F(FeedTest, ASubscriberSeesEverythingOnceAcrossCatchingUpAndFollowing) {
  append("x-1", 10'000);
  auto subscriber = std::make_shared<TestSubscriber>();
  auto subscription = feed_->subscribe({}, subscriber);
  for (int i = 0; i < 200; ++i) append("x-" + std::to_string(i), 5);
  const Followed seen = subscriber->seen.wait([](const Followed& value) { return value.positions.size() >= 11'000; });
  ASSERT_EQ(seen.positions.size(), 11'000U);
  for (std::size_t at = 0; at < seen.positions.size(); ++at) ASSERT_EQ(seen.positions[at], at);
  EXPECT_GE(seen.caught_up, 1);
}

TEST_F(FeedTest, ASubscriptionThatHasEndedLeavesNothing) {
  const auto come_and_go = [&] {
    for (int number = 0; number < 20'000; ++number) {
      auto subscription = feed_->subscribe({.heartbeat = std::chrono::hours(1)}, std::make_shared<TestSubscriber>());
      EXPECT_TRUE(subscription);
      if (number % 1000 == 0) describe();  // the feed has done all of it
    }
    describe();
  };
  come_and_go();
  const std::size_t before = mallinfo2().uordblks;
  come_and_go();
  EXPECT_LT(mallinfo2().uordblks, before + 500'000) << "25 bytes for each";
}

// Counts how often events are read.
class CountingStore final : public store::MemoryStore {
 public:
  using MemoryStore::MemoryStore;
  base::Result<store::AllResult> read_all(const store::AllQuery& query, store::EventVisitor visit) override {
    ++reads;
    return MemoryStore::read_all(query, visit);
  }
  std::atomic<int> reads = 0;
};

TEST_F(FeedTest, WhatIsCommittedWhileSomebodyFollowsIsHandedOverWithoutBeingRead) {
  const auto& counts = use_store<CountingStore>();
  auto subscriber = std::make_shared<TestSubscriber>();
  auto subscription = feed_->subscribe({}, subscriber);
  subscriber->seen.wait([](const Followed& value) { return value.caught_up > 0; });
  const int before = counts.reads;
  constexpr std::size_t commits = 200;
  for (std::size_t commit = 1; commit <= commits; ++commit) {
    append("x-1", 1);
    subscriber->seen.wait([&](const Followed& value) { return value.positions.size() >= commit; });
  }
  // One that comes before the subscriber waits again may be read.
  EXPECT_LT(counts.reads - before, static_cast<int>(commits / 2));
}

TEST_F(FeedTest, ASubscriberThatIsNotReadyIsSentNothingAndHoldsUpNobody) {
  auto stuck = std::make_shared<TestSubscriber>();
  stuck->ready = false;
  auto first = feed_->subscribe({}, stuck);
  auto other = std::make_shared<TestSubscriber>();
  auto second = feed_->subscribe({}, other);
  for (int i = 0; i < 100; ++i) append("x-1", 100, "\"" + std::string(1000, 'x') + "\"");
  other->seen.wait([](const Followed& value) { return value.positions.size() >= 10'000; });
  EXPECT_TRUE(stuck->seen.wait([](const Followed&) { return true; }).positions.empty());
  stuck->ready = true;
  (*first)->wake();
  const Followed seen = stuck->seen.wait([](const Followed& value) { return value.positions.size() >= 10'000; });
  for (std::size_t at = 0; at < seen.positions.size(); ++at) ASSERT_EQ(seen.positions[at], at);
}

TEST_F(FeedTest, SkippedEventsAreCountedAndTheEndIsToldOnce) {
  append("x-1", 100);
  append("y-1", 1);
  append("x-1", 100);
  auto subscriber = std::make_shared<TestSubscriber>();
  auto subscription = feed_->subscribe({.filter = {{.categories = {"y"}}}}, subscriber);
  const Followed seen = subscriber->seen.wait([](const Followed& value) { return value.caught_up > 0; });
  EXPECT_THAT(seen.positions, ElementsAre(100));
  EXPECT_EQ(seen.skipped, 200U);
  EXPECT_EQ(seen.next, 201U);
  append("x-1", 7);
  append("y-1", 1);
  const Followed more = subscriber->seen.wait([](const Followed& value) { return value.positions.size() == 2; });
  EXPECT_EQ(more.skipped, 207U);
  EXPECT_EQ(more.caught_up, 1);
}

TEST_F(FeedTest, NamedStreamsAreReadInGlobalOrderFromAnyPlace) {
  options_.tail.batch_bytes = 1000;  // many reads
  options_.tail.batch_events_max = 1;
  restart();
  std::vector<model::GlobalPosition> expected;
  model::GlobalPosition next = 0;
  for (int i = 0; i < 300; ++i) {
    const std::string stream = "s-" + std::to_string(i * 7 % 5);
    append(stream, 1 + static_cast<std::size_t>(i) % 3);
    for (int event = 0; event < 1 + i % 3; ++event, ++next)
      if (stream == "s-1" || stream == "s-3") expected.push_back(next);
  }
  for (const model::GlobalPosition from : {0, 1, 77, 300, 598}) {
    auto subscriber = std::make_shared<TestSubscriber>();
    auto subscription =
        feed_->subscribe({.filter = {{.streams = {"s-3", "s-1", "s-9"}}}, .start = {.from = from}}, subscriber);
    const Followed seen = subscriber->seen.wait([](const Followed& value) { return value.caught_up > 0; });
    const auto begin = std::ranges::lower_bound(expected, from);
    EXPECT_EQ(seen.positions, std::vector(begin, expected.end())) << from;
    EXPECT_EQ(seen.next, next);
    EXPECT_EQ(seen.skipped + seen.positions.size(), next - from);
  }
}

TEST_F(FeedTest, OneBatchIsSharedByAllWhoFollow) {
  std::vector<std::shared_ptr<TestConsumer>> consumers;
  std::vector<std::unique_ptr<Membership>> memberships;
  for (int i = 0; i < 3; ++i) {
    consumers.push_back(std::make_shared<TestConsumer>());
    memberships.push_back(*feed_->join({.name = "p" + std::to_string(i)}, consumers.back()));
    consumers.back()->seen.wait([](const Seen& value) { return value.joined.has_value(); });
  }
  append("x-1", 3);
  std::set<const EventBatch*> batches;
  for (const auto& consumer : consumers)
    batches.insert(consumer->wait_for_events(3).deliveries.front().selections().front().batch.get());
  EXPECT_EQ(batches.size(), 1U);
}

TEST_F(FeedTest, ARestartGoesOnAfterTheLastAcknowledgedPosition) {
  append("x-1", 10);
  {
    auto consumer = std::make_shared<TestConsumer>();
    auto membership = join(consumer);
    consumer->wait_for_events(10);
    membership->acknowledge({}, 6);
    EXPECT_EQ(wait_for(6).value().cursor, 7U);
    feed_->stop();
    EXPECT_EQ(consumer->wait_for_stop().code, Code::unavailable);
  }
  restart();
  auto consumer = std::make_shared<TestConsumer>();
  auto membership = join(consumer);
  EXPECT_THAT(consumer->wait_for_events(3).positions, ElementsAre(7, 8, 9));
}

TEST_F(FeedTest, AResetIsToldBeforeTheEventsThatFollowItAndCountedForGood) {
  append("x-1", 3);
  {
    auto consumer = std::make_shared<TestConsumer>();
    auto membership = join(consumer);
    consumer->wait_for_events(3);
    membership->acknowledge({}, 2);
    Collected<bool> done;
    feed_->reset("p", {.from = 1},
                 [&](base::Result<> result) { done.change([&](bool& value) { value = result.has_value(); }); });
    EXPECT_TRUE(done.wait([](bool value) { return value; }));
    const Seen seen = consumer->wait_for_events(5);
    EXPECT_THAT(seen.positions, ElementsAre(0, 1, 2, 1, 2));
    EXPECT_THAT(seen.resets, ElementsAre(std::pair(0U, 0U), std::pair(1U, 1U)));
    feed_->stop();
  }
  restart();
  auto consumer = std::make_shared<TestConsumer>();
  auto membership = join(consumer);
  EXPECT_THAT(consumer->wait_for_events(2).resets, ElementsAre(std::pair(1U, 1U)));
}

TEST_F(FeedTest, ADeliverySaysWhichFailuresItIsBehind) {
  append("x-1", 2);
  auto consumer = std::make_shared<TestConsumer>();
  auto membership = join(consumer);
  consumer->wait_for_events(2);
  membership->fail({}, 0, "not now");
  const Seen seen = consumer->wait_for_events(3);
  EXPECT_EQ(seen.deliveries.front().failures_seen(), 0U);
  EXPECT_EQ(seen.deliveries.back().failures_seen(), 1U);
}

TEST_F(FeedTest, APlaceMovesPastEventsThatNobodyWants) {
  options_.save_idle_interval = std::chrono::milliseconds(50);
  restart();
  auto consumer = std::make_shared<TestConsumer>();
  auto membership = join(consumer, {}, {{.categories = {"rare"}}});
  consumer->seen.wait([](const Seen& value) { return value.joined.has_value(); });
  append("common-1", 500);
  EXPECT_EQ(wait_for(499).value().cursor, 500U);
  EXPECT_EQ(describe().lag_events, 0U);
  const auto end = clock_.steady_now() + patience;
  while (disk_->read_cursors().at("p").next < 500 && clock_.steady_now() < end) std::this_thread::yield();
  EXPECT_EQ(disk_->read_cursors().at("p").next, 500U);
}

TEST_F(FeedTest, AMemberOfARareFilterIsToldThatItsPlaceMoves) {
  options_.heartbeat = std::chrono::milliseconds(20);
  restart();
  auto consumer = std::make_shared<TestConsumer>();
  auto membership = join(consumer, {}, {{.categories = {"rare"}}});
  append("common-1", 500);
  const std::pair<model::GlobalPosition, model::GlobalPosition> at_the_head{500, 500};
  consumer->seen.wait(
      [&](const Seen& value) { return std::ranges::find(value.heartbeats, at_the_head) != value.heartbeats.end(); });
  // What is not acknowledged holds the place it is told, too.
  append("rare-1", 1);
  append("common-1", 10);
  const std::pair<model::GlobalPosition, model::GlobalPosition> held_up{500, 511};
  consumer->seen.wait(
      [&](const Seen& value) { return std::ranges::find(value.heartbeats, held_up) != value.heartbeats.end(); });
}

TEST_F(FeedTest, TypesThatNoEventHasAreToldAtTheEndOfTheStoreAndKnownAfterARestart) {
  const Filter filter = {{.categories = {"x", "none"}, .types = {"A", "B", "Typo"}}};
  append("x-1", 5000, "\"" + std::string(1000, 'x') + "\"");  // several reads
  append("x-1", 1, "{}", "B");
  append("y-1", 1, "{}", "Typo");  // of another category
  {
    auto consumer = std::make_shared<TestConsumer>();
    auto membership = join(consumer, {.bytes = std::size_t{64} << 20}, filter);
    const Seen seen = consumer->seen.wait([](const Seen& value) { return !value.unseen.empty(); });
    EXPECT_THAT(seen.unseen.front().first, ElementsAre("Typo")) << "B comes last";
    EXPECT_THAT(describe().unseen, ElementsAre("category none", "type Typo"));
    auto second = std::make_shared<TestConsumer>();
    auto other = join(second, {}, filter);
    EXPECT_THAT(second->seen.wait([](const Seen& value) { return !value.unseen.empty(); }).unseen.front().first,
                ElementsAre("Typo"));
    consumer->wait_for_events(5001);
    membership->acknowledge({}, 5000);
    EXPECT_EQ(wait_for(5000).value().cursor, 5002U);
    feed_->stop();
    EXPECT_THAT(consumer->seen.wait([](const Seen&) { return true; }).unseen, SizeIs(1)) << "said once";
  }
  restart();
  EXPECT_THAT(describe().unseen, ElementsAre("category none", "type Typo"));
  auto consumer = std::make_shared<TestConsumer>();
  auto membership = join(consumer, {}, filter);
  EXPECT_THAT(consumer->seen.wait([](const Seen& value) { return !value.unseen.empty(); }).unseen.front(),
              (std::pair{std::vector<std::string>{"Typo"}, model::GlobalPosition{5002}}));
  append("x-1", 1, "{}", "Typo");
  consumer->wait_for_events(1);
  EXPECT_THAT(describe().unseen, ElementsAre("category none"));
}

TEST_F(FeedTest, WhatIsDeliveredFailsAndIsLeftOutIsCounted) {
  append("x-1", 10);
  append("y-1", 2);
  auto consumer = std::make_shared<TestConsumer>();
  auto membership = join(consumer, {}, {{.categories = {"y"}}});
  consumer->wait_for_events(2);
  membership->fail({}, 10, "not now");
  consumer->wait_for_events(3);
  append("x-1", 5);
  EXPECT_EQ(wait_for(16).value().cursor, 17U);
  EXPECT_EQ(describe().skipped, 15U);
  append("y-1", 1);
  append("x-1", 1);
  EXPECT_EQ(wait_for(18).value().cursor, 19U);
  membership->acknowledge({}, 10);
  consumer->wait_for_events(5);
  const ProjectionDescription shown = describe();
  EXPECT_EQ(shown.delivered, 5U);
  EXPECT_EQ(shown.failures, 1U);
  EXPECT_EQ(shown.skipped, 16U);
}

TEST_F(FeedTest, NothingIsReadForAProjectionWithoutMembers) {
  auto consumer = std::make_shared<TestConsumer>();
  auto membership = join(consumer, {}, {{.categories = {"rare"}}});
  append("common-1", 10);
  EXPECT_EQ(wait_for(9).value().cursor, 10U);
  membership.reset();
  const auto end = clock_.steady_now() + patience;
  while (!describe().members.empty() && clock_.steady_now() < end) std::this_thread::yield();
  append("common-1", 10);
  append("rare-1", 1);
  EXPECT_EQ(describe().cursor, 10U);
  auto again = std::make_shared<TestConsumer>();
  auto second = join(again, {}, {{.categories = {"rare"}}});
  EXPECT_THAT(again->wait_for_events(1).positions, ElementsAre(20));
}

TEST_F(FeedTest, WhoeverWaitsIsAnsweredInTimeAndMakesRoomWhenGone) {
  options_.waiting_max = 1;
  restart();
  auto consumer = std::make_shared<TestConsumer>();
  auto membership = join(consumer);
  consumer->seen.wait([](const Seen& value) { return value.joined.has_value(); });
  const auto wait = [&](std::chrono::milliseconds patience, std::function<bool()> is_gone) {
    auto promise = std::make_shared<std::promise<base::Result<Projections::Passed>>>();
    feed_->wait_for(
        "p", 5, clock_.steady_now() + patience,
        [promise](base::Result<Projections::Passed> passed) { promise->set_value(std::move(passed)); },
        std::move(is_gone));
    return promise->get_future();
  };
  auto gone = std::make_shared<std::atomic<bool>>(false);
  auto first = wait(std::chrono::hours(1), [gone] { return gone->load(); });
  EXPECT_EQ(wait(std::chrono::hours(1), {}).get().error().code, Code::resource_exhausted);
  *gone = true;
  EXPECT_EQ(first.get().error().code, Code::cancelled);
  EXPECT_EQ(wait(std::chrono::milliseconds(1), {}).get().error().code, Code::deadline_exceeded);
}

TEST_F(FeedTest, WhoeverWaitsIsNotAnsweredBeforeThatVeryEventIsDone) {
  append("x-1", 3);
  auto consumer = std::make_shared<TestConsumer>();
  auto membership = join(consumer);
  consumer->wait_for_events(3);
  for (const model::GlobalPosition position : {0U, 1U, 2U}) {
    std::promise<base::Result<Projections::Passed>> promise;
    auto passed = promise.get_future();
    feed_->wait_for("p", position, clock_.steady_now() + patience,
                    [&](base::Result<Projections::Passed> answer) { promise.set_value(std::move(answer)); });
    // The feed answers in turn: were the event taken for done, the answer would be there before this one's.
    EXPECT_EQ(describe().cursor, position);
    EXPECT_EQ(passed.wait_for(std::chrono::seconds(0)), std::future_status::timeout) << position;
    membership->acknowledge({}, position);
    EXPECT_EQ(passed.get().value().cursor, position + 1);
  }
}

TEST_F(FeedTest, APausedProjectionSendsNothingOfWhatIsNewOrWaits) {
  append("x-1", 3);
  auto consumer = std::make_shared<TestConsumer>();
  auto membership = join(consumer, {.events = 1});
  auto other = std::make_shared<TestConsumer>();
  auto others = feed_->join({.name = "other"}, other);
  consumer->wait_for_events(1);
  pause();
  // There is room for what was read already, and something new is there, which has reached everybody else.
  membership->acknowledge({}, 0);
  EXPECT_EQ(wait_for(0).value().cursor, 1U);
  append("x-1", 1);
  other->wait_for_events(4);
  append("x-1", 1);
  other->wait_for_events(5);
  EXPECT_TRUE(describe().paused);
  EXPECT_THAT(consumer->wait_for_events(1).positions, ElementsAre(0));
  resume();
  EXPECT_THAT(consumer->wait_for_events(2).positions, ElementsAre(0, 1));
  EXPECT_FALSE(describe().paused);
}

TEST_F(FeedTest, AStoreThatFailsStopsItsProjections) {
  append("x-1", 2);
  auto consumer = std::make_shared<TestConsumer>();
  auto membership = join(consumer);
  consumer->wait_for_events(2);
  disk_->fail_next_write("no space");
  membership->acknowledge({}, 1);
  const base::Error reason = consumer->wait_for_stop();
  EXPECT_EQ(reason.code, Code::unavailable);
  EXPECT_THAT(reason.message, HasSubstr("no space"));
}

// Keeps the feed's thread, when it has been sent something, until all is said that is to be said meanwhile.
class HeldUpConsumer final : public Consumer {
 public:
  void on_events(const Delivery&) override {
    sent.set_value();
    may_go_on.get_future().wait();
  }
  void on_stopped(const base::Error& reason) override { stopped.set_value(reason.code); }
  std::promise<void> sent;
  std::promise<void> may_go_on;
  std::promise<Code> stopped;
};

TEST_F(FeedTest, AMemberThatSaysTooMuchIsLetGoAndTold) {
  append("x-1", 1);
  auto consumer = std::make_shared<HeldUpConsumer>();
  auto membership = *feed_->join({.name = "p", .window = {.events = 1}}, consumer);
  consumer->sent.get_future().wait();
  for (int i = 0; i < 2000; ++i) membership->fail(1, 0, "again");
  consumer->may_go_on.set_value();
  auto stopped = consumer->stopped.get_future();
  ASSERT_EQ(stopped.wait_for(patience), std::future_status::ready);
  EXPECT_EQ(stopped.get(), Code::resource_exhausted);
  auto other = std::make_shared<TestConsumer>();
  auto others = join(other);
  other->wait_for_events(1);
}

TEST_F(FeedTest, AMemberThatSaysTooMuchAndLeavesIsNotToldAnyMore) {
  append("x-1", 1);
  auto consumer = std::make_shared<HeldUpConsumer>();
  auto membership = *feed_->join({.name = "p", .window = {.events = 1}}, consumer);
  consumer->sent.get_future().wait();
  for (int i = 0; i < 2000; ++i) membership->fail(1, 0, "again");
  membership->leave();
  consumer->may_go_on.set_value();
  auto other = std::make_shared<TestConsumer>();
  auto others = join(other);
  other->wait_for_events(1);
  EXPECT_EQ(consumer->stopped.get_future().wait_for(std::chrono::seconds(0)), std::future_status::timeout);
}

TEST_F(FeedTest, AMembersLimitAndAProjectionsLimitAreSaid) {
  options_.members_max = 1;
  options_.projections_max = 1;
  restart();
  auto consumer = std::make_shared<TestConsumer>();
  auto membership = join(consumer);
  consumer->seen.wait([](const Seen& value) { return value.joined.has_value(); });
  auto second = std::make_shared<TestConsumer>();
  auto refused = join(second);
  EXPECT_EQ(second->wait_for_stop().code, Code::resource_exhausted);
  auto third = std::make_shared<TestConsumer>();
  auto other = feed_->join({.name = "other"}, third);
  EXPECT_THAT(third->wait_for_stop().message, HasSubstr("delete some"));
}

}  // namespace
}  // namespace thalo::feed
