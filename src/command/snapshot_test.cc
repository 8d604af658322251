// Snapshots: taken between commands, never ahead of their stream, never trusted blindly.
#include "command/state_at.h"
#include "command/testing/command_fixture.h"

namespace thalo::command {
namespace {

using base::Code;
using testing::accepted;
using testing::CommandTest;
using testing::FakeModule;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Outcome;

class SnapshotTest : public CommandTest {
 protected:
  SnapshotTest() {
    options_.shards = 1;
    options_.shard.snapshot_events = 10;
    options_.shard.snapshot_interval = std::chrono::milliseconds(0);
    use(std::make_shared<FakeModule>("Poisonous", ""));
  }
  void use(std::shared_ptr<FakeModule> module) {
    module_ = std::move(module);
    catalog_.publish("counter", module_);
  }
  void restart() {
    router().stop();
    router_.reset();
  }
  // Commands until the store has a snapshot at or above `version`.
  void fill(std::uint64_t version) {
    while (true) {
      const auto snapshot = store_.load_snapshot("counter-a").value();
      if (snapshot && snapshot->version >= version) return;
      auto command = request("a", "Add", "{\"n\":1}");
      command.command_id = "id" + std::to_string(++ids_);
      ASSERT_TRUE(run(std::move(command)));
    }
  }
  int ids_ = 0;
};

TEST_F(SnapshotTest, ARebuiltEntityStartsFromItsSnapshot) {
  fill(30);
  const int total = static_cast<int>(stored("a").size());
  restart();
  const int before = module_->statistics().applied_events;
  EXPECT_EQ(std::get<model::Rejection>(add("a", -1000).value()).error, "{\"count\":" + std::to_string(total) + "}");
  EXPECT_EQ(module_->statistics().restores, 1);
  EXPECT_LT(module_->statistics().applied_events - before, 25);
}

TEST_F(SnapshotTest, CommandIdsAreRememberedAcrossASnapshot) {
  fill(30);
  const auto total = stored("a").size();
  restart();
  auto again = request("a", "Add", "{\"n\":1}");
  again.command_id = "id3";
  const auto outcome = run(std::move(again));
  EXPECT_TRUE(accepted(outcome).repeated);
  EXPECT_EQ(accepted(outcome).events.at(0).position, 2u);
  EXPECT_EQ(stored("a").size(), total);
}

TEST_F(SnapshotTest, AppendedIdsThatNoCommandCanHaveAreNotRemembered) {
  const auto append = [&](char letter, std::size_t size) {
    const std::string metadata = R"({"command_id":")" + std::string(size, letter) + R"("})";
    ASSERT_TRUE(store::append_and_wait(store_, {.stream = "counter-a",
                                                .expected = model::ExpectedVersion::any(),
                                                .events = {{"Added", R"({"n":1})", metadata}},
                                                .time_ms = 1,
                                                .tag = 0}));
  };
  append('a', 256);
  append('b', 257);
  append('c', 70'000);
  auto known = request("a", "Add", "{\"n\":1}");
  known.command_id = std::string(256, 'a');
  EXPECT_TRUE(accepted(run(std::move(known))).repeated);
  fill(10);
  const std::string remembered = store_.load_snapshot("counter-a").value()->data;
  EXPECT_THAT(remembered, HasSubstr(std::string(256, 'a')));
  EXPECT_THAT(remembered, Not(HasSubstr("bbb")));
  EXPECT_THAT(remembered, Not(HasSubstr("ccc")));

  restart();
  const std::string in_snapshot = R"({"state":"10","command_ids":[[")" + std::string(70'000, 'd') + R"(",0,1]]})";
  ASSERT_TRUE(store_.save_snapshot("counter-a", {10, "d1", "", in_snapshot}));
  fill(20);
  EXPECT_THAT(store_.load_snapshot("counter-a").value()->data, Not(HasSubstr("ddd"))) << "of an older version";
}

TEST_F(SnapshotTest, ASnapshotThatFailsToRestoreIsDroppedAndTheEventsAreReplayed) {
  fill(20);
  const int total = static_cast<int>(stored("a").size());
  restart();
  module_->statistics().refuse_restore = true;
  options_.shard.snapshot_events = 0;  // no new one is taken
  EXPECT_EQ(std::get<model::Rejection>(add("a", -1000).value()).error, "{\"count\":" + std::to_string(total) + "}");
  EXPECT_EQ(store_.load_snapshot("counter-a").value(), std::nullopt);
}

TEST_F(SnapshotTest, ASnapshotThatTakesTooLongInTheFastLaneIsRestoredInTheSlowLane) {
  fill(20);
  const auto snapshot = store_.load_snapshot("counter-a").value();
  const std::size_t total = stored("a").size();
  restart();
  module_->statistics().slow_restore = true;
  module_->statistics().applied_events = 0;
  options_.shard.snapshot_events = 0;  // no new one is taken
  EXPECT_EQ(std::get<model::Rejection>(add("a", -1000).value()).error, "{\"count\":" + std::to_string(total) + "}");
  EXPECT_EQ(module_->statistics().restores, 2);
  EXPECT_EQ(module_->statistics().applied_events, static_cast<int>(total - snapshot->version));
  const auto kept = store_.load_snapshot("counter-a").value();
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->version, snapshot->version);
}

TEST_F(SnapshotTest, ADamagedSnapshotIsDroppedAndTheEventsAreReplayed) {
  fill(20);
  const int total = static_cast<int>(stored("a").size());
  restart();
  ASSERT_TRUE(store_.save_snapshot("counter-a", {10, "d1", "", "{\"state\":"}));
  EXPECT_EQ(std::get<model::Rejection>(add("a", -1000).value()).error, "{\"count\":" + std::to_string(total) + "}");
}

TEST_F(SnapshotTest, IsBoundToTheDigestUnlessTheModuleNamesItsFormat) {
  fill(20);
  restart();
  use(std::make_shared<FakeModule>("Poisonous", "", "d2"));
  ASSERT_TRUE(add("a", 1));
  EXPECT_EQ(module_->statistics().restores, 0) << "another digest, no format";
  restart();
  use(std::make_shared<FakeModule>("Poisonous", "v1", "d3"));
  fill(40);
  restart();
  use(std::make_shared<FakeModule>("Poisonous", "v1", "d4"));
  ASSERT_TRUE(add("a", 1));
  EXPECT_EQ(module_->statistics().restores, 1) << "another digest, the same format";
}

TEST_F(SnapshotTest, ASnapshotAheadOfItsStreamIsNeverStoredOrUsed) {
  fill(20);
  const auto version = store_.load_snapshot("counter-a").value()->version;
  store_.disk().hold_commits();
  store_.disk().fail_next_sync("no power");
  const int taken = module_->statistics().snapshots;
  std::vector<std::future<Outcome>> sent;
  for (int i = 0; i < 30; ++i) sent.push_back(send(request("a", "Add", "{\"n\":1}")));
  while (module_->statistics().snapshots == taken) std::this_thread::yield();
  store_.disk().release_commits();
  for (auto& future : sent) EXPECT_FALSE(future.get());
  restart();
  EXPECT_EQ(store_.load_snapshot("counter-a").value()->version, version);
  store_.disk().write_snapshot("counter-a", store::Snapshot{1000, "d1", "", "{\"state\":\"77\",\"command_ids\":[]}"});
  const std::string right = "{\"count\":" + std::to_string(stored("a").size()) + "}";
  EXPECT_EQ(std::get<model::Rejection>(add("a", -1000).value()).error, right);
}

TEST_F(SnapshotTest, AStateThatNobodyWaitsForAnyMoreIsNotBuilt) {
  ASSERT_TRUE(run("a", "Many", "{\"n\":2500}"));
  const auto stream = model::StreamName::make("counter", "a").value();
  EXPECT_EQ(state_at(store_, *module_, {}, stream, {}, [] { return false; })->state, "2500");
  module_->statistics().applied_events = 0;
  int asked = 0;
  const auto abandoned = state_at(store_, *module_, {}, stream, {}, [&] { return ++asked == 2; });
  EXPECT_EQ(abandoned.error().code, Code::cancelled);
  EXPECT_EQ(module_->statistics().applied_events, 1000);
}

}  // namespace
}  // namespace thalo::command
