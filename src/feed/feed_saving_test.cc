// When the places of projections are durable, and who waits for that.
#include "feed/cursor_saver.h"
#include "feed/testing/feed_fixture.h"

namespace thalo::feed {
namespace {

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

}  // namespace
}  // namespace thalo::feed
