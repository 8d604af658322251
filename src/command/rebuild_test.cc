// What happens to commands, and to the others of their shard, while an entity is rebuilt from its events.
#include "command/testing/command_fixture.h"

namespace thalo::command {
namespace {

using base::Code;
using testing::accepted;
using testing::CommandTest;
using testing::FakeModule;
using ::testing::HasSubstr;
using testing::HoldingCaller;
using testing::Outcome;

class WaitingTest : public CommandTest {
 protected:
  static constexpr std::size_t fit = 10;

  WaitingTest() {
    options_.shards = 1;
    options_.shard.queue_bytes_max = fit * weight_bytes;
    catalog_.publish("other", module_);
  }
  static ExecuteRequest heavy(std::string category, std::string id, std::size_t size_bytes = weight_bytes) {
    ExecuteRequest out = request(std::move(id), "Add", R"({"n":1,"x":""})");
    out.category = std::move(category);
    const std::size_t stream_bytes = out.category.size() + 1 + out.id.size();
    out.payload.insert(out.payload.size() - 2, size_bytes - stream_bytes - out.payload.size(), 'x');
    return out;
  }
  // When it returns, the shard has taken everything that was sent before.
  void sync() {
    ExecuteRequest nothing = request("sync", "Nothing");
    nothing.category = "other";
    ASSERT_TRUE(run(std::move(nothing)));
  }
  // Breaks entity `a`, which must wait for its event in flight, and sends twice as many commands as may wait for it.
  // Those that may.
  std::vector<std::future<Outcome>> fill(const std::string& category = "counter") {
    store_.disk().hold_commits();
    ExecuteRequest trap = heavy(category, "a");
    trap.command = "Trap";
    send(heavy(category, "a"));
    send(std::move(trap));
    std::vector<std::future<Outcome>> waiting;
    for (std::size_t i = 0; i < 2 * fit; ++i) {
      auto sent = send(heavy(category, "a"));
      sync();
      if (i < fit) {
        waiting.push_back(std::move(sent));
      } else if (sent.wait_for(std::chrono::seconds(0)) == std::future_status::ready) {
        expect_no_room(sent.get());
      } else {
        ADD_FAILURE() << "waits beyond the bound";
      }
    }
    return waiting;
  }
  static void expect_no_room(const Outcome& outcome) {
    ASSERT_FALSE(outcome);
    EXPECT_TRUE(outcome.error().code == Code::resource_exhausted && outcome.error().retryable());
    EXPECT_THAT(outcome.error().message,
                HasSubstr("the command queue of shard-0 has no room for more commands that wait"));
  }
  static void expect_accepted(std::vector<std::future<Outcome>> waiting) {
    std::uint64_t version = 0;
    for (auto& future : waiting) {
      const Outcome outcome = future.get();
      ASSERT_TRUE(outcome) << outcome.error().message;
      EXPECT_GT(accepted(outcome).version, std::exchange(version, accepted(outcome).version)) << "in their order";
    }
  }

 private:
  static constexpr std::size_t weight_bytes = 1000;
};

TEST_F(WaitingTest, TheirBytesAreBoundedAndThereIsRoomAgainWhateverEndsTheWait) {
  for (int round = 0; round < 2; ++round) {
    auto waiting = fill();
    store_.disk().release_commits();
    expect_accepted(std::move(waiting));
  }
  auto failing = fill();
  catalog_.publish("counter", std::make_shared<FakeModule>("Added"));
  store_.disk().release_commits();
  for (auto& future : failing) EXPECT_THAT(future.get().error().message, HasSubstr("cannot be applied"));
  catalog_.publish("counter", module_);

  auto moving = fill();
  send(request("b", "Spin"));
  ASSERT_TRUE(run("c", "Nothing")) << "taken by the slow lane, behind the other";
  store_.disk().release_commits();
  expect_accepted(std::move(moving));

  auto last = fill("other");
  store_.disk().release_commits();
  expect_accepted(std::move(last));
}

TEST_F(WaitingTest, WhereThereIsNoRoomOnlyEntitiesThatAreReadyAtOnceAreRebuilt) {
  ASSERT_TRUE(run("short", "Many", R"({"n":3})"));
  ASSERT_TRUE(run("long", "Many", R"({"n":25})"));
  ASSERT_TRUE(run("broken", "Many", R"({"n":3})"));
  router().stop();
  router_.reset();
  ASSERT_TRUE(run("broken", "Nothing"));
  auto waiting = fill();
  EXPECT_TRUE(run("short", "Nothing"));
  expect_no_room(run("long", "Nothing"));
  send(request("broken", "Add", R"({"n":1})"));
  send(request("broken", "Trap"));
  expect_no_room(run("broken", "Nothing"));
  store_.disk().release_commits();
  expect_accepted(std::move(waiting));
  EXPECT_EQ(accepted(run("broken", "Nothing")).version, 4u);
  EXPECT_EQ(accepted(run(heavy("counter", "long", 20'000))).version, 26u) << "one beyond the bound may wait alone";
}

// The output gate.

class SlowReplayTest : public CommandTest {
 protected:
  SlowReplayTest() { options_.shards = 1; }
  void store_slow_events(const std::string& id, std::size_t count) {
    ASSERT_TRUE(
        store::append_and_wait(store_, {.stream = "counter-" + id,
                                        .expected = model::ExpectedVersion::any(),
                                        .events = std::vector<model::NewEvent>(count, {"Slow", R"({"n":1})", ""}),
                                        .time_ms = 1,
                                        .tag = 0}));
  }
};

TEST_F(SlowReplayTest, ACallOfARebuildBeyondTheFastLanesBudgetMovesItToTheSlowLane) {
  for (const char* id : {"a", "b", "c"}) {
    store_slow_events(id, 12);
    EXPECT_EQ(accepted(add(id, 1)).version, 13u);
  }
  EXPECT_EQ(module_->statistics().instances, 2) << "that of the fast lane was lost once, that of the slow lane never";
}

TEST_F(SlowReplayTest, ALongStreamOfEventsThatAreFastEnoughStaysInTheFastLane) {
  options_.shard.replay_call_events = 2;
  for (const char* id : {"a", "b", "c"}) {
    store_slow_events(id, 35);
    EXPECT_EQ(accepted(add(id, 1)).version, 36u);
  }
  EXPECT_EQ(module_->statistics().instances, 1);
}

TEST_F(SlowReplayTest, AnEventThatCannotBeAppliedIsFoundWhereverItsCallBegan) {
  options_.shard.replay_call_events = 4;
  ASSERT_TRUE(run("a", "Many", R"({"n":17})"));
  ASSERT_TRUE(store::append_and_wait(store_, {.stream = "counter-a",
                                              .expected = model::ExpectedVersion::any(),
                                              .events = {{"Poisonous", "{}", ""}, {"Added", R"({"n":1})", ""}},
                                              .time_ms = 1,
                                              .tag = 0}));
  EXPECT_EQ(add("a", 1).error().code, Code::aborted);
  EXPECT_THAT(add("a", 1).error().message, HasSubstr("its event 17 (Poisonous) cannot be applied"));
}

using Gone = std::shared_ptr<std::atomic<bool>>;

class AbandonedRebuildTest : public CommandTest {
 protected:
  static constexpr int slice = 10;  // of the fixture
  static constexpr int events = 5 * slice;

  AbandonedRebuildTest() {
    options_.shards = 1;
    EXPECT_TRUE(run("long", "Many", "{\"n\":" + std::to_string(events) + "}"));
    router().stop();
    router_.reset();
    module_->statistics().applied_events = 0;
  }
  // Sends commands to an entity of five slices. The shard has taken them all and applied one slice while `then` is
  // called, which may take callers away.
  std::vector<Outcome> rebuild(std::size_t commands, const std::function<void(std::vector<Gone>& gone)>& then) {
    std::promise<void> first_held, held, first_go, go;
    router().execute(request("b", "Nothing"), std::make_unique<HoldingCaller>(first_held, first_go.get_future()));
    first_held.get_future().wait();
    std::vector<Gone> gone;
    std::vector<std::future<Outcome>> sent;
    for (std::size_t i = 0; i < commands; ++i) {
      gone.push_back(std::make_shared<std::atomic<bool>>(false));
      sent.push_back(send(request("long", "Add", R"({"n":1})"), gone.back()));
    }
    router().execute(request("b", "Nothing"), std::make_unique<HoldingCaller>(held, go.get_future()));
    first_go.set_value();
    held.get_future().wait();
    EXPECT_EQ(module_->statistics().applied_events, applied_in_a_turn_);
    then(gone);
    go.set_value();
    std::vector<Outcome> out;
    for (auto& future : sent) out.push_back(future.get());
    return out;
  }
  int applied_in_a_turn_ = slice;
  void begin_to_stop() {
    stopping_ = std::jthread([this] { router_->stop(); });
    for (bool closed = false; !closed; std::this_thread::yield()) {
      auto refused = send(request("b", "Nothing"));
      closed = refused.wait_for(std::chrono::seconds(0)) == std::future_status::ready &&
               refused.get().error().code == Code::unavailable;
    }
  }

 private:
  std::jthread stopping_;
};

TEST_F(AbandonedRebuildTest, IsGivenUpByAStop) {
  const auto outcomes = rebuild(2, [&](std::vector<Gone>& gone) {
    begin_to_stop();
    for (Gone& one : gone) one->store(true);
  });
  for (const Outcome& outcome : outcomes) EXPECT_EQ(outcome.error().code, Code::cancelled);
  EXPECT_EQ(module_->statistics().applied_events, slice);
}

TEST_F(AbandonedRebuildTest, IsFinishedByAStopWhenSomebodyStillWaitsAndTheirOrderKept) {
  const auto outcomes = rebuild(4, [&](std::vector<Gone>& gone) {
    begin_to_stop();
    gone[0]->store(true);
    gone[2]->store(true);
  });
  EXPECT_EQ(outcomes[0].error().code, Code::cancelled);
  EXPECT_EQ(accepted(outcomes[1]).version, events + 1u);
  EXPECT_EQ(outcomes[2].error().code, Code::cancelled);
  EXPECT_EQ(accepted(outcomes[3]).version, events + 2u);
}

TEST_F(AbandonedRebuildTest, IsFinishedForTheNextCallerWithoutAStop) {
  const auto outcomes = rebuild(1, [](std::vector<Gone>& gone) { gone[0]->store(true); });
  EXPECT_EQ(outcomes[0].error().code, Code::cancelled);
  EXPECT_EQ(module_->statistics().applied_events, events);
}

using RebuildTest = AbandonedRebuildTest;

TEST_F(RebuildTest, LetsTheOthersHaveTheirTurnAfterACallThatTookLong) {
  options_.shard.replay_call_events = 2;
  options_.shard.replay_slice_time = std::chrono::milliseconds(0);
  applied_in_a_turn_ = 2;
  const auto outcomes = rebuild(1, [](std::vector<Gone>&) {});
  EXPECT_EQ(accepted(outcomes[0]).version, events + 1u);
  EXPECT_EQ(module_->statistics().applied_events, events + 1);
}

}  // namespace
}  // namespace thalo::command
