// The feed over the real in-memory store, and consumers that keep what they are told.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <set>

#include "feed/feed.h"
#include "store/append_and_wait.h"
#include "store/memory/memory_store.h"

namespace thalo::feed {

using base::Code;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

inline constexpr std::chrono::seconds patience{60};

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

}  // namespace thalo::feed
