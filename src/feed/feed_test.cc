// The feed over the real in-memory store: what its parts promise together.
#include "feed/feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <set>

#include "feed/cursor_saver.h"
#include "store/append_and_wait.h"
#include "store/memory/memory_store.h"

namespace thalo::feed {
namespace {

using base::Code;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr std::chrono::seconds patience{60};

template <class Check>
class Collected {
 public:
  template <class Act>
  void change(Act&& act) {
    {
      const std::lock_guard lock(mutex_);
      act(value_);
    }
    changed_.notify_all();
  }
  // Waits until done(value) and returns a copy.
  template <class Done>
  Check wait(Done&& done) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, patience, [&] { return done(value_); }));
    return value_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  Check value_;
};

struct Seen {
  std::vector<model::GlobalPosition> positions;
  std::vector<Delivery> deliveries;
  std::optional<model::GlobalPosition> joined;
  std::vector<std::pair<model::GlobalPosition, model::GlobalPosition>> heartbeats;  // cursor and head
  std::vector<std::pair<std::uint64_t, model::GlobalPosition>> resets;              // and where it goes on
  std::vector<std::pair<std::vector<std::string>, model::GlobalPosition>> unseen;   // types, and the cursor
  std::optional<base::Error> stopped;
};

class TestConsumer final : public Consumer {
 public:
  void on_joined(model::GlobalPosition cursor) override {
    seen.change([&](Seen& value) { value.joined = cursor; });
  }
  void on_resets(std::uint64_t resets, model::GlobalPosition cursor) override {
    seen.change([&](Seen& value) { value.resets.emplace_back(resets, cursor); });
  }
  void on_unseen(const std::vector<std::string>& types, model::GlobalPosition cursor) override {
    seen.change([&](Seen& value) { value.unseen.emplace_back(types, cursor); });
  }
  void on_heartbeat(model::GlobalPosition cursor, model::GlobalPosition head) override {
    seen.change([&](Seen& value) { value.heartbeats.emplace_back(cursor, head); });
  }
  void on_events(const Delivery& delivery) override {
    seen.change([&](Seen& value) {
      value.deliveries.push_back(delivery);
      delivery.for_each([&](const model::EventView& event) { value.positions.push_back(event.global_position); });
    });
  }
  void on_stopped(const base::Error& reason) override {
    seen.change([&](Seen& value) { value.stopped = reason; });
  }
  Seen wait_for_events(std::size_t count) {
    return seen.wait([&](const Seen& value) { return value.positions.size() >= count || value.stopped; });
  }
  base::Error wait_for_stop() {
    return seen.wait([](const Seen& value) { return value.stopped.has_value(); }).stopped.value();
  }
  Collected<Seen> seen;
};

struct Followed {
  std::vector<model::GlobalPosition> positions;
  std::uint64_t skipped = 0;
  model::GlobalPosition next = 0;
  int caught_up = 0;
  std::optional<base::Error> stopped;
};

class TestSubscriber final : public Subscriber {
 public:
  bool is_ready() override { return ready; }
  void on_progress(const Progress& progress) override {
    seen.change([&](Followed& value) {
      progress.selection.indexes.for_each(
          [&](std::uint32_t index) { value.positions.push_back(progress.selection.batch->position(index)); });
      value.skipped += progress.skipped;
      value.next = progress.next;
      value.caught_up += progress.caught_up ? 1 : 0;
    });
  }
  void on_stopped(const base::Error& reason) override {
    seen.change([&](Followed& value) { value.stopped = reason; });
  }
  std::atomic<bool> ready = true;
  Collected<Followed> seen;
};

class FeedTest : public ::testing::Test {
 protected:
  void SetUp() override { restart(); }
  void TearDown() override {
    if (feed_) feed_->stop();
  }

  void restart() {
    feed_.reset();
    auto started = Feed::start(*store_, clock_, options_);
    ASSERT_TRUE(started) << started.error().message;
    feed_ = *std::move(started);
  }
  template <class Special>
  Special& use_store() {
    feed_.reset();
    auto special = std::make_unique<Special>(disk_);
    Special& out = *special;
    store_ = std::move(special);
    restart();
    return out;
  }
  void append(const std::string& stream, std::size_t events, const std::string& data = "{}",
              const std::string& type = "A") {
    store::Append append{.stream = stream};
    append.events.assign(events, model::NewEvent{type, data, ""});
    ASSERT_TRUE(store::append_and_wait(*store_, std::move(append)));
  }
  std::unique_ptr<Membership> join(const std::shared_ptr<TestConsumer>& consumer, Window window = {},
                                   Filter filter = {}) {
    auto joined = feed_->join({.name = "p", .filter = std::move(filter), .window = window}, consumer);
    EXPECT_TRUE(joined);
    return *std::move(joined);
  }
  ProjectionDescription describe() {
    std::promise<base::Result<ProjectionDescription>> promise;
    feed_->get("p", [&](base::Result<ProjectionDescription> found) { promise.set_value(std::move(found)); });
    return promise.get_future().get().value_or(ProjectionDescription{});
  }
  void pause() {
    std::promise<base::Result<>> promise;
    feed_->pause("p", [&](base::Result<> done) { promise.set_value(std::move(done)); });
    EXPECT_TRUE(promise.get_future().get());
  }
  void resume() {
    std::promise<base::Result<>> promise;
    feed_->resume("p", [&](base::Result<> done) { promise.set_value(std::move(done)); });
    EXPECT_TRUE(promise.get_future().get());
  }
  base::Result<Projections::Passed> wait_for(model::GlobalPosition position) {
    std::promise<base::Result<Projections::Passed>> promise;
    feed_->wait_for("p", position, clock_.steady_now() + patience,
                    [&](base::Result<Projections::Passed> passed) { promise.set_value(std::move(passed)); });
    return promise.get_future().get();
  }

  env::SystemClock clock_;
  FeedOptions options_;
  std::shared_ptr<store::MemoryDisk> disk_ = std::make_shared<store::MemoryDisk>();
  std::unique_ptr<store::MemoryStore> store_ = std::make_unique<store::MemoryStore>(disk_);
  std::unique_ptr<Feed> feed_;
};

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

TEST_F(FeedTest, AcknowledgementsAreSavedTogetherAndSoonWithoutAStop) {
  options_.save_interval = std::chrono::milliseconds(20);
  restart();
  append("x-1", 1000);
  auto consumer = std::make_shared<TestConsumer>();
  auto membership = join(consumer);
  consumer->wait_for_events(1000);
  for (model::GlobalPosition position = 0; position < 1000; ++position) membership->acknowledge({}, position);
  const auto end = clock_.steady_now() + patience;
  while (disk_->read_cursors().at("p").next < 1000 && clock_.steady_now() < end) std::this_thread::yield();
  EXPECT_EQ(disk_->read_cursors().at("p").next, 1000U);
}

TEST_F(FeedTest, ANewProjectionIsDurableBeforeItsFirstEvent) {
  append("x-1", 5);
  auto consumer = std::make_shared<TestConsumer>();
  auto joined = feed_->join({.name = "p", .start = {.at_head = true}}, consumer);
  consumer->seen.wait([](const Seen& value) { return value.joined.has_value(); });
  EXPECT_EQ(disk_->read_cursors().at("p").next, 5U);
}

// Looks, when it has joined, whether its projection is on the disk; and waits there until it may go on.
class DurableConsumer final : public Consumer {
 public:
  DurableConsumer(std::string name, store::MemoryDisk& disk, std::shared_future<void> may_go_on)
      : name_(std::move(name)), disk_(disk), may_go_on_(std::move(may_go_on)) {}
  void on_joined(model::GlobalPosition) override {
    const bool is_durable = disk_.read_cursors().contains(name_);
    may_go_on_.wait();
    durable.set_value(is_durable);
  }
  void on_events(const Delivery&) override {}
  void on_stopped(const base::Error&) override {}
  std::promise<bool> durable;

 private:
  const std::string name_;
  store::MemoryDisk& disk_;
  const std::shared_future<void> may_go_on_;
};

TEST_F(FeedTest, NewProjectionsAreDurableHoweverManyComeAtOnce) {
  std::promise<void> all_are_here;
  const std::shared_future<void> go_on = all_are_here.get_future().share();
  std::vector<std::shared_ptr<DurableConsumer>> consumers;
  std::vector<std::unique_ptr<Membership>> memberships;
  // The first keeps the feed's thread until all others wait: more than are saved in one write.
  for (int number = 0; number < 1200; ++number) {
    const std::string name = "p" + std::to_string(number);
    consumers.push_back(std::make_shared<DurableConsumer>(name, *disk_, go_on));
    memberships.push_back(*feed_->join({.name = name}, consumers.back()));
  }
  all_are_here.set_value();
  for (const auto& consumer : consumers) EXPECT_TRUE(consumer->durable.get_future().get());
  feed_->stop();
}

// A save that comes while the gate is closed waits there.
class GatedStore final : public store::MemoryStore {
 public:
  using MemoryStore::MemoryStore;
  base::Result<> save_cursors(std::span<const std::pair<std::string, store::Cursor>> cursors) override {
    if (closed_) {
      reached_ = true;
      reached_.notify_all();
      closed_.wait(true);
    }
    return MemoryStore::save_cursors(cursors);
  }
  void close_gate() { closed_ = true; }
  void wait_for_save() { reached_.wait(false); }
  void open_gate() {
    closed_ = false;
    closed_.notify_all();
  }

 private:
  std::atomic<bool> closed_ = false;
  std::atomic<bool> reached_ = false;
};

TEST_F(FeedTest, WhoeverWaitsForASaveIsAnsweredWhenTheProjectionIsDeletedMeanwhile) {
  auto& gated = use_store<GatedStore>();
  auto consumer = std::make_shared<TestConsumer>();
  auto membership = join(consumer);
  consumer->seen.wait([](const Seen& value) { return value.joined.has_value(); });
  gated.close_gate();
  feed_->pause("p", [](const base::Result<>&) {});
  gated.wait_for_save();
  std::promise<void> resumed;
  feed_->resume("p", [&](const base::Result<>&) { resumed.set_value(); });
  feed_->remove("p", [](const base::Result<>&) {});
  EXPECT_EQ(consumer->wait_for_stop().code, Code::not_found);
  gated.open_gate();
  EXPECT_EQ(resumed.get_future().wait_for(patience), std::future_status::ready);
  feed_->stop();
}

TEST_F(FeedTest, AJoinThatWaitsDoesNotEnterAnotherProjectionThatHasTheNameByThen) {
  auto& gated = use_store<GatedStore>();
  append("y-1", 1);
  gated.close_gate();
  auto first = std::make_shared<TestConsumer>();
  auto of_x = join(first, {}, {{.categories = {"x"}}});
  gated.wait_for_save();
  feed_->remove("p", [](const base::Result<>&) {});
  auto second = std::make_shared<TestConsumer>();
  auto of_y = join(second, {}, {{.categories = {"y"}}});
  EXPECT_FALSE(describe().filter.empty()) << "it has been made, and waits too";
  gated.open_gate();
  EXPECT_THAT(second->wait_for_events(1).positions, ElementsAre(0));
  const Seen seen = first->seen.wait([](const Seen& value) { return value.stopped || value.joined; });
  EXPECT_FALSE(seen.joined) << "it would get and acknowledge what it never asked for";
  EXPECT_EQ(first->wait_for_stop().code, Code::not_found);
}

TEST_F(FeedTest, EveryCursorIsSavedAndWhoeverWaitsIsAnsweredHoweverManyChangeAllTheTime) {
  constexpr std::size_t count = 1500;  // more than are saved in one write
  Loop loop(clock_);
  env::Executor writer("cursors", 1, 16);
  Collected<std::set<std::string>> taken;
  std::unique_ptr<CursorSaver> saver;
  const auto take = [&](const std::string& name) {
    taken.change([&](auto& names) { names.insert(name); });
    loop.post([&saver, name] { saver->note_changed(name); });
    return std::optional(store::Cursor{});
  };
  saver = std::make_unique<CursorSaver>(*store_, loop, writer, std::chrono::milliseconds(1), take, [](const auto&) {});
  std::promise<void> saved;
  loop.post([&] {
    for (std::size_t number = 0; number < count; ++number) saver->note_changed("p" + std::to_string(number));
    saver->save("p0", [&](const base::Result<>&) { saved.set_value(); });
  });
  loop.start();
  EXPECT_THAT(taken.wait([&](const auto& names) { return names.size() == count; }), SizeIs(count));
  EXPECT_EQ(saved.get_future().wait_for(patience), std::future_status::ready);
  loop.stop();
  writer.stop();
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
