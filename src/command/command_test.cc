// The command path over the real in-memory store and an engine without wasm.
#include "command/metadata.h"
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

TEST_F(CommandTest, AnswersWithTheStoredEventsAndTheirPlaces) {
  const auto first = add("a", 5);
  const auto second = run("a", "Many", "{\"n\":3}");
  ASSERT_EQ(accepted(second).events.size(), 3u);
  EXPECT_EQ(accepted(first).version, 1u);
  EXPECT_EQ(accepted(second).version, 4u);
  std::vector<model::Event> told = accepted(first).events;
  told.insert(told.end(), accepted(second).events.begin(), accepted(second).events.end());
  EXPECT_EQ(told, stored("a"));
  EXPECT_EQ(told[3].position, 3u);
}

TEST_F(CommandTest, ARejectionStoresNothing) {
  add("a", 5);
  const auto outcome = add("a", -6);
  EXPECT_EQ(std::get<model::Rejection>(outcome.value()).error, "{\"count\":5}");
  EXPECT_EQ(stored("a").size(), 1u);
}

TEST_F(CommandTest, NoEventsIsALegalAnswer) {
  add("a", 5);
  const auto outcome = run("a", "Nothing");
  EXPECT_TRUE(accepted(outcome).events.empty());
  EXPECT_EQ(accepted(outcome).version, 1u);
}

TEST_F(CommandTest, AColdEntityIsRebuiltFromItsEvents) {
  run("a", "Many", "{\"n\":95}");
  router().stop();
  router_.reset();
  EXPECT_EQ(std::get<model::Rejection>(add("a", -100).value()).error, "{\"count\":95}");
  EXPECT_GE(module_->statistics().apply_calls, 10) << "in slices of 10";
}

TEST_F(CommandTest, EvictionIsInvisible) {
  options_.shards = 1;
  options_.cached_entities_max = 4;
  for (int round = 1; round <= 3; ++round) {
    for (int i = 0; i < 50; ++i)
      EXPECT_EQ(accepted(add("e" + std::to_string(i), 1)).version, static_cast<std::uint64_t>(round));
  }
  // One at a time: all but the newest few have been thrown out of their instances too.
  EXPECT_LE(module_->statistics().alive_entities, 6);
}

TEST_F(CommandTest, ExpectedVersionGivesOptimisticConcurrency) {
  add("a", 1);
  auto stale = request("a", "Add", "{\"n\":1}");
  stale.expected_version = 0;
  const auto outcome = run(std::move(stale));
  EXPECT_EQ(outcome.error().code, Code::aborted);
  EXPECT_THAT(outcome.error().message, HasSubstr("counter-a has version 1, not the expected 0"));
  auto right = request("a", "Add", "{\"n\":1}");
  right.expected_version = 1;
  EXPECT_EQ(accepted(run(std::move(right))).version, 2u);
}

TEST_F(CommandTest, BadInputNamesTheFieldAndReachesNoEntity) {
  const auto check = [&](auto change, Code code, const char* text) {
    auto bad = request("a", "Add", "{\"n\":1}");
    change(bad);
    const auto outcome = run(std::move(bad));
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, code) << outcome.error().message;
    EXPECT_THAT(outcome.error().message, HasSubstr(text));
  };
  check([](auto& r) { r.category = "nobody"; }, Code::not_found, "no aggregate named 'nobody' (loaded: counter)");
  check([](auto& r) { r.category = ""; }, Code::invalid_argument, "aggregate name is empty");
  check([](auto& r) { r.category = "a-b"; }, Code::invalid_argument, "illegal character '-'");
  check([](auto& r) { r.id = ""; }, Code::invalid_argument, "id is empty");
  check([](auto& r) { r.id = "x\n"; }, Code::invalid_argument, "control character");
  check([](auto& r) { r.command = ""; }, Code::invalid_argument, "command is empty");
  check([](auto& r) { r.payload = "{"; }, Code::invalid_argument, "payload is not valid JSON");
  check([](auto& r) { r.payload = ""; }, Code::invalid_argument, "payload is not valid JSON");
  check([](auto& r) { r.metadata = "[]"; }, Code::invalid_argument, "metadata must be a JSON object");
  check([](auto& r) { r.metadata = R"({"a":)" + std::string(1023, '[') + std::string(1023, ']') + "}"; },
        Code::invalid_argument, "metadata is nested too deeply");
  check([](auto& r) { r.command_id = std::string(257, 'x'); }, Code::invalid_argument, "command_id has 257 bytes");
  EXPECT_EQ(module_->statistics().handled, 0);
  EXPECT_EQ(store_.head(), 0u);
}

TEST_F(CommandTest, ATrapCostsTheInstanceAndTheEntityWorksAgain) {
  add("a", 7);
  const auto outcome = run("a", "Trap");
  EXPECT_EQ(outcome.error().code, Code::failed_precondition);
  EXPECT_EQ(std::get<model::Rejection>(add("a", -8).value()).error, "{\"count\":7}");
  EXPECT_EQ(accepted(add("a", 1)).version, 2u);
}

TEST_F(CommandTest, AnEventItsOwnModuleCannotApplyIsNeverStored) {
  add("a", 7);
  const auto outcome = run("a", "Poison");
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().message, HasSubstr("cannot apply the events of its own Poison; nothing is stored"));
  EXPECT_EQ(stored("a").size(), 1u);
  EXPECT_EQ(accepted(add("a", 1)).version, 2u);
}

TEST_F(CommandTest, AStoredEventThatCannotBeAppliedIsNamedByItsPosition) {
  ASSERT_TRUE(store::append_and_wait(store_, {.stream = "counter-a",
                                              .expected = model::ExpectedVersion::any(),
                                              .events = std::vector<model::NewEvent>(25, {"Added", "{\"n\":1}", ""}),
                                              .time_ms = 1,
                                              .tag = 0}));
  ASSERT_TRUE(store::append_and_wait(
      store_, {.stream = "counter-a",
               .expected = model::ExpectedVersion::any(),
               .events = {{"Added", "{\"n\":1}", ""}, {"Poisonous", "{}", ""}, {"Added", "{\"n\":1}", ""}},
               .time_ms = 1,
               .tag = 0}));
  const auto outcome = add("a", 1);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Code::failed_precondition);
  EXPECT_THAT(outcome.error().message,
              HasSubstr("counter-a is unavailable: its event 26 (Poisonous) cannot be applied"));
  EXPECT_EQ(accepted(add("b", 1)).version, 1u) << "the others go on";
  catalog_.publish("counter", std::make_shared<FakeModule>("SomethingElse"));
  EXPECT_EQ(accepted(add("a", 1)).version, 29u) << "a module that can apply it heals the entity";
}

TEST_F(CommandTest, PublishingMovesEntitiesBetweenTwoCommands) {
  add("a", 7);
  const auto next = std::make_shared<FakeModule>();
  catalog_.publish("counter", next);
  EXPECT_EQ(std::get<model::Rejection>(add("a", -8).value()).error, "{\"count\":7}");
  EXPECT_EQ(next->statistics().creates, 1);
  EXPECT_EQ(module_->statistics().alive_entities, 0);
}

TEST_F(CommandTest, ALongReplayDoesNotStallTheOthersOfItsShard) {
  options_.shards = 1;
  ASSERT_TRUE(store::append_and_wait(store_, {.stream = "counter-long",
                                              .expected = model::ExpectedVersion::any(),
                                              .events = std::vector<model::NewEvent>(50000, {"Added", "{\"n\":1}", ""}),
                                              .time_ms = 1,
                                              .tag = 0}));
  auto slow = send(request("long", "Add", "{\"n\":1}"));
  add("short", 1);
  EXPECT_EQ(slow.wait_for(std::chrono::seconds(0)), std::future_status::timeout)
      << "5,000 slices are still to come when the other entity has its answer";
  EXPECT_EQ(accepted(slow.get()).version, 50001u);
}

TEST_F(CommandTest, ARepeatedCommandIdReturnsTheOriginalEvents) {
  auto once = request("a", "Many", "{\"n\":3}");
  once.command_id = "c1";
  once.correlation_id = "k1";
  once.metadata = "{\"user\":\"u\"}";
  const auto original = run(once);
  EXPECT_FALSE(accepted(original).repeated);
  EXPECT_EQ(accepted(original).events[0].metadata,
            "{\"command_id\":\"c1\",\"correlation_id\":\"k1\",\"metadata\":{\"user\":\"u\"}}");
  add("a", 1);
  const auto again = run(once);
  EXPECT_TRUE(accepted(again).repeated);
  EXPECT_EQ(accepted(again).events, accepted(original).events);
  router().stop();
  router_.reset();
  EXPECT_EQ(accepted(run(once)).events, accepted(original).events) << "also after a restart";
  EXPECT_EQ(stored("a").size(), 4u);
}

TEST_F(CommandTest, BothCopiesOfACommandInFlightGetTheSameEvents) {
  store_.disk().hold_commits();
  auto once = request("a", "Add", "{\"n\":3}");
  once.command_id = "c1";
  auto first = send(once);
  auto second = send(once);
  EXPECT_EQ(second.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  store_.disk().release_commits();
  EXPECT_EQ(accepted(second.get()).events, accepted(first.get()).events);
  EXPECT_EQ(stored("a").size(), 1u);
}

TEST_F(CommandTest, ExpiredAndAbandonedCommandsStoreNothing) {
  auto late = request("a", "Add", "{\"n\":1}");
  late.deadline = std::chrono::steady_clock::now() - std::chrono::seconds(1);
  EXPECT_EQ(run(std::move(late)).error().code, Code::deadline_exceeded);
  auto gone = std::make_shared<std::atomic<bool>>(true);
  EXPECT_EQ(send(request("a", "Add", "{\"n\":1}"), gone).get().error().code, Code::cancelled);
  EXPECT_EQ(stored("a").size(), 0u);
}

TEST_F(CommandTest, AFullQueueAnswersAtOnce) {
  options_.shards = 1;
  options_.shard.queue_commands_max = 4;
  options_.shard.appends_under_way_max = 1;
  store_.disk().hold_commits();
  std::vector<std::future<Outcome>> sent;
  for (int i = 0; i < 20; ++i) sent.push_back(send(request("e" + std::to_string(i), "Add", "{\"n\":1}")));
  std::size_t refused = 0;
  for (auto& future : sent) {
    if (future.wait_for(std::chrono::milliseconds(0)) != std::future_status::ready) continue;
    const auto outcome = future.get();
    EXPECT_EQ(outcome.error().code, Code::resource_exhausted);
    EXPECT_THAT(outcome.error().message, HasSubstr("the command queue of shard-0 is full"));
    ++refused;
  }
  EXPECT_GE(refused, 10u);
  store_.disk().release_commits();
  for (auto& future : sent) {
    if (future.valid()) {
      EXPECT_TRUE(future.get());
    }
  }
}

TEST_F(CommandTest, StoppingFinishesWhatWasTakenAndRefusesTheRest) {
  std::vector<std::future<Outcome>> sent;
  for (int i = 0; i < 500; ++i) sent.push_back(send(request("e" + std::to_string(i % 7), "Add", "{\"n\":1}")));
  router().stop();
  for (auto& future : sent) EXPECT_TRUE(future.get());
  EXPECT_EQ(add("a", 1).error().code, Code::unavailable);
  EXPECT_EQ(store_.head(), 500u);
}

// Commands that wait until their entity is rebuilt.

TEST_F(CommandTest, NothingLeavesBeforeWhatItDependsOnIsDurable) {
  add("a", 5);
  store_.disk().hold_commits();
  auto accepted_one = send(request("a", "Add", "{\"n\":1}"));
  auto rejected = send(request("a", "Add", "{\"n\":-100}"));
  auto empty = send(request("a", "Nothing"));
  auto failing = send(request("a", "Confuse"));
  auto stale = request("a", "Add", "{\"n\":1}");
  stale.expected_version = 0;
  auto wrong_version = send(std::move(stale));
  auto other = send(request("independent", "Confuse"));
  other.get();
  for (auto* future : {&accepted_one, &rejected, &empty, &failing, &wrong_version}) {
    EXPECT_EQ(future->wait_for(std::chrono::milliseconds(20)), std::future_status::timeout);
  }
  store_.disk().release_commits();
  EXPECT_TRUE(accepted_one.get());
  EXPECT_EQ(std::get<model::Rejection>(rejected.get().value()).error, "{\"count\":6}");
  EXPECT_EQ(accepted(empty.get()).version, 2u);
  EXPECT_EQ(failing.get().error().code, Code::invalid_argument);
  EXPECT_EQ(wrong_version.get().error().code, Code::aborted);
}

TEST_F(CommandTest, ARejectionComputedOnEventsThatWereLostNeverReachesTheClient) {
  add("a", 5);
  store_.disk().hold_commits();
  store_.disk().fail_next_sync("no power");
  auto lost = send(request("a", "Add", "{\"n\":1}"));
  auto on_top = send(request("a", "Add", "{\"n\":1}"));
  auto rejected = send(request("a", "Add", "{\"n\":-100}"));
  auto empty = send(request("a", "Nothing"));
  // All four are computed while the first one's fate is open.
  while (module_->statistics().handled < 5) std::this_thread::yield();
  store_.disk().release_commits();
  for (auto* future : {&lost, &on_top, &rejected, &empty}) {
    const auto outcome = future->get();
    ASSERT_FALSE(outcome) << "computed from an event that does not exist";
    EXPECT_TRUE(outcome.error().retryable());
  }
  EXPECT_EQ(stored("a").size(), 1u);
  EXPECT_EQ(std::get<model::Rejection>(add("a", -100).value()).error, "{\"count\":5}")
      << "what was lost is out of memory too";
  EXPECT_EQ(add("a", 1).error().code, Code::unavailable) << "poisoned until reopened";
}

TEST_F(CommandTest, AnEntityWrittenBehindItsBackIsRebuilt) {
  add("a", 5);
  ASSERT_TRUE(store::append_and_wait(store_, {.stream = "counter-a",
                                              .expected = model::ExpectedVersion::any(),
                                              .events = {{"Added", "{\"n\":10}", ""}},
                                              .time_ms = 1,
                                              .tag = 0}));
  const auto raced = add("a", 1);
  EXPECT_EQ(raced.error().code, Code::aborted);
  EXPECT_EQ(std::get<model::Rejection>(add("a", -100).value()).error, "{\"count\":15}");
  EXPECT_EQ(accepted(add("a", 1)).version, 3u);
}

TEST_F(CommandTest, WhatRestsOnALostAppendIsNeverStored) {
  add("a", 5);
  store_.disk().hold_commits();
  // Behind the shard's back the stream moves on by one, so the first command's version is wrong and the second one's
  // fits again.
  std::thread behind([&] {
    EXPECT_TRUE(store::append_and_wait(store_, {.stream = "counter-a",
                                                .expected = model::ExpectedVersion::any(),
                                                .events = {{"Added", "{\"n\":-5}", ""}},
                                                .time_ms = 1,
                                                .tag = 0}));
  });
  store_.disk().wait_until_held();
  auto first = send(request("a", "Add", "{\"n\":-3}"));
  auto second = send(request("a", "Add", "{\"n\":-2}"));
  while (module_->statistics().handled < 3) std::this_thread::yield();
  store_.disk().release_commits();
  behind.join();
  EXPECT_EQ(first.get().error().code, Code::aborted);
  EXPECT_EQ(second.get().error().code, Code::aborted);
  EXPECT_EQ(stored("a").size(), 2u);
}

TEST_F(CommandTest, ATrapOnTopOfEventsInFlightWaitsForThemAndRebuilds) {
  add("a", 5);
  store_.disk().hold_commits();
  auto in_flight = send(request("a", "Add", "{\"n\":1}"));
  auto trap = send(request("a", "Trap"));
  auto after = send(request("a", "Add", "{\"n\":-100}"));
  EXPECT_EQ(trap.wait_for(std::chrono::milliseconds(20)), std::future_status::timeout);
  store_.disk().release_commits();
  EXPECT_TRUE(in_flight.get());
  EXPECT_THAT(trap.get().error().message, HasSubstr("at count 6"));
  EXPECT_EQ(std::get<model::Rejection>(after.get().value()).error, "{\"count\":6}");
}

// The slow lane.

TEST_F(CommandTest, ACallBeyondTheFastLanesBudgetIsExecutedInTheSlowLane) {
  options_.shards = 1;
  catalog_.publish("other", module_);
  add("a", 5);
  add("b", 1);
  EXPECT_EQ(accepted(run("a", "Spin")).version, 2u) << "slow, but within the full limit";
  EXPECT_EQ(accepted(add("a", 1)).version, 3u);
  EXPECT_EQ(accepted(add("b", 1)).version, 2u) << "its category has moved with all its entities";
  auto other = request("a", "Add", "{\"n\":1}");
  other.category = "other";
  EXPECT_EQ(accepted(run(std::move(other))).version, 1u);
}

TEST_F(CommandTest, ACallBeyondTheFullLimitFailsInTheSlowLane) {
  options_.shard.limits.time_per_call = std::chrono::milliseconds(200);
  add("a", 5);
  const auto outcome = run("a", "Spin");
  EXPECT_EQ(outcome.error().code, Code::resource_exhausted);
  EXPECT_EQ(std::get<model::Rejection>(add("a", -6).value()).error, "{\"count\":5}");
}

TEST_F(CommandTest, MovingToTheSlowLaneKeepsOrderAndLosesNothing) {
  options_.shards = 1;
  add("a", 5);
  store_.disk().hold_commits();
  std::vector<std::future<Outcome>> sent;
  for (int i = 0; i < 20; ++i) sent.push_back(send(request("a", i == 10 ? "Spin" : "Add", "{\"n\":1}")));
  store_.disk().release_commits();
  for (std::size_t i = 0; i < sent.size(); ++i) EXPECT_EQ(accepted(sent[i].get()).version, i + 2);
}

TEST_F(CommandTest, ManyCallersOnFewEntitiesLoseAndDoubleNothing) {
  options_.cached_entities_max = 4;
  options_.shard.replay_slice_events = 3;
  constexpr int threads = 8;
  constexpr int commands = 500;
  router();
  std::vector<std::thread> callers;
  std::atomic<int> told = 0;
  for (int t = 0; t < threads; ++t) {
    callers.emplace_back([&, t] {
      for (int i = 0; i < commands; ++i) {
        const std::string id = "e" + std::to_string((t * 7 + i) % 10);
        const auto outcome = i % 50 == 49 ? run(id, "Trap") : i == 250 ? run(id, "Spin") : add(id, 1);
        if (outcome) ++told;
      }
    });
  }
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(store_.head(), static_cast<std::uint64_t>(told));
  int sum = 0;
  for (int i = 0; i < 10; ++i) {
    const auto events = stored("e" + std::to_string(i));
    for (std::size_t k = 0; k < events.size(); ++k) EXPECT_EQ(events[k].position, k);
    sum += static_cast<int>(events.size());
  }
  EXPECT_EQ(sum, told);
}

TEST(EventMetadata, FindsTheCommandIdItWrote) {
  const auto stream = model::StreamName::make("counter", "a").value();
  model::Command command{stream, "Add", "{}", "id \"1\"", "", "cause", "{\"command_id\":\"other\"}"};
  EXPECT_EQ(command_id_of(event_metadata(command)), "id \"1\"");
  command.id.clear();
  EXPECT_EQ(command_id_of(event_metadata(command)), "");
  EXPECT_EQ(command_id_of("{\"metadata\":{\"command_id\":\"x\"}}"), "");
}

TEST_F(CommandTest, WhatHasWaitedTooLongIsRefusedAndNotExecuted) {
  options_.shards = 1;
  options_.shard.queue_wait_max = std::chrono::milliseconds(20);
  ASSERT_TRUE(add("a", 1));
  std::promise<void> held;
  std::promise<void> go;
  router().execute(request("a", "Add", R"({"n":1})"), std::make_unique<HoldingCaller>(held, go.get_future()));
  held.get_future().wait();
  std::vector<std::future<Outcome>> waiting;
  for (int i = 0; i < 600; ++i) waiting.push_back(send(request("a", "Add", R"({"n":1})")));
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  go.set_value();
  std::size_t done = 0;
  for (std::size_t index = 0; index < waiting.size(); ++index) {
    const Outcome outcome = waiting[index].get();
    if (outcome) {
      ++done;
      continue;
    }
    EXPECT_LT(index, waiting.size() - Pace::always) << "the last ones may always wait";
    EXPECT_EQ(outcome.error().code, base::Code::resource_exhausted);
    EXPECT_THAT(outcome.error().message, ::testing::HasSubstr("was not executed"));
  }
  EXPECT_GE(done, Pace::always);
  EXPECT_LT(done, waiting.size()) << "none was refused";
  EXPECT_EQ(stored("a").size(), 1 + done);
}

// Keeps its shard busy before its command is executed.
class SlowCaller final : public Caller {
 public:
  explicit SlowCaller(std::promise<Outcome> promise) : promise_(std::move(promise)) {}
  bool gone() const override {
    std::this_thread::sleep_for(std::chrono::milliseconds(600));
    return false;
  }
  void answer(Outcome outcome) override { promise_.set_value(std::move(outcome)); }

 private:
  std::promise<Outcome> promise_;
};

TEST_F(CommandTest, CommandsThatAreGivenUpMakeNoRoomForMoreThanASlowShardCanDo) {
  options_.shards = 1;
  options_.shard.queue_wait_max = std::chrono::milliseconds(20);
  std::promise<Outcome> slow;
  auto slow_outcome = slow.get_future();
  router().execute(request("a", "Add", R"({"n":1})"), std::make_unique<SlowCaller>(std::move(slow)));
  ASSERT_TRUE(slow_outcome.get());
  const auto gone = std::make_shared<std::atomic<bool>>(true);
  for (int round = 0; round < 20; ++round) {
    std::vector<std::future<Outcome>> cancelled;
    for (std::size_t i = 0; i < Pace::always; ++i) cancelled.push_back(send(request("a", "Add", R"({"n":1})"), gone));
    for (auto& outcome : cancelled) EXPECT_FALSE(outcome.get());
  }
  std::promise<void> held;
  std::promise<void> go;
  router().execute(request("a", "Add", R"({"n":1})"), std::make_unique<HoldingCaller>(held, go.get_future()));
  held.get_future().wait();
  std::vector<std::future<Outcome>> waiting;
  for (std::size_t i = 0; i < 2 * Pace::always; ++i) waiting.push_back(send(request("a", "Add", R"({"n":1})")));
  go.set_value();
  std::size_t refused = 0;
  for (auto& outcome : waiting) refused += outcome.get() ? 0 : 1;
  EXPECT_GE(refused, Pace::always);
}

}  // namespace
}  // namespace thalo::command
