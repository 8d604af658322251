#include "command/instance_pool.h"

#include <gtest/gtest.h>

#include <set>

#include "command/testing/command_fixture.h"
#include "command/testing/fake_engine.h"

namespace thalo::command {
namespace {

using testing::FakeModule;

class InstancePoolTest : public ::testing::Test {
 protected:
  InstancePoolTest() {
    limits_.entities_per_instance = 10;
    limits_.memory_retire_bytes = 4'000;
  }
  // Seats so many entities, one after the other, and tells how many are in each instance, by its number.
  std::map<std::uint64_t, int> seat(std::size_t count) {
    InstancePool pool(limits_, crowding_);
    std::map<std::uint64_t, int> in_instance;
    while (seats_.size() < count) {
      const auto stream = model::StreamName::make("counter", std::to_string(seats_.size())).value();
      seats_.push_back(pool.seat(module_, stream, seats_.size()).value());
      ++in_instance[seats_.back().slot().number()];
    }
    return in_instance;
  }

  wasm::Limits limits_;
  Crowding crowding_{.entities_min = 50, .entities_per_instance = 30};
  std::shared_ptr<FakeModule> module_ = std::make_shared<FakeModule>();
  std::vector<Seat> seats_;
};

TEST_F(InstancePoolTest, ACrowdedShardPutsMoreEntitiesIntoAnInstance) {
  const auto in_instance = seat(140);
  EXPECT_EQ(in_instance,
            (std::map<std::uint64_t, int>{{1, 10}, {2, 10}, {3, 10}, {4, 10}, {5, 30}, {6, 30}, {7, 30}, {8, 10}}))
      << "the fifth was being filled when the shard became crowded";
}

TEST_F(InstancePoolTest, LargeEntitiesAreNoCrowd) {
  module_->statistics().entity_bytes = 50;
  const auto in_instance = seat(140);
  EXPECT_EQ(in_instance.at(6), 20) << "a quarter of the memory at which an instance is worn out";
  module_->statistics().entity_bytes = 500;
  seats_.clear();
  for (const auto& [number, entities] : seat(140)) EXPECT_LE(entities, 10) << "but never fewer than they may be anyway";
}

TEST_F(InstancePoolTest, ACrowdNeverExceedsALargerLimitOfTheOperator) {
  limits_.entities_per_instance = 100;
  EXPECT_EQ(seat(250), (std::map<std::uint64_t, int>{{1, 100}, {2, 100}, {3, 50}}));
}

// And through the shard: all that is lost with a crowded instance comes back.
class CrowdTest : public testing::CommandTest {};

TEST_F(CrowdTest, ATrapCostsAllEntitiesOfACrowdedInstanceAndTheyAreRebuilt) {
  options_.shards = 1;
  options_.shard.limits.entities_per_instance = 10;
  options_.shard.crowding = {.entities_min = 50, .entities_per_instance = 100};
  constexpr int entities = 140;
  for (int i = 0; i < entities; ++i) add("e" + std::to_string(i), i + 1);
  EXPECT_EQ(module_->statistics().instances, 5) << "four of ten entities, the fifth has the crowd";
  EXPECT_EQ(module_->statistics().creates, entities);

  EXPECT_EQ(run("e139", "Trap").error().code, base::Code::failed_precondition);
  EXPECT_EQ(module_->statistics().alive_entities, 40) << "all others are lost with it";
  for (int i = 0; i < entities; ++i) {
    EXPECT_EQ(std::get<model::Rejection>(add("e" + std::to_string(i), -1000).value()).error,
              "{\"count\":" + std::to_string(i + 1) + "}");
  }
  EXPECT_EQ(module_->statistics().creates, entities + 100) << "each of them once, at its next use";
}

}  // namespace
}  // namespace thalo::command
