#include "command/instance_pool.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>

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
  Crowding crowding_{.instances = 5, .entities_per_instance = 30};
  std::shared_ptr<FakeModule> module_ = std::make_shared<FakeModule>();
  std::vector<Seat> seats_;
};

TEST_F(InstancePoolTest, ACrowdedShardPutsMoreEntitiesIntoAnInstance) {
  EXPECT_EQ(seat(50), (std::map<std::uint64_t, int>{{1, 10}, {2, 10}, {3, 10}, {4, 10}, {5, 10}}));
  seats_.clear();
  EXPECT_EQ(seat(140), (std::map<std::uint64_t, int>{{1, 28}, {2, 28}, {3, 28}, {4, 28}, {5, 28}}))
      << "a fifth of them into each";
  seats_.clear();
  EXPECT_EQ(seat(200), (std::map<std::uint64_t, int>{{1, 30}, {2, 30}, {3, 30}, {4, 30}, {5, 30}, {6, 30}, {7, 20}}))
      << "and no more than the most";
}

TEST_F(InstancePoolTest, SeatsThatWereLeftInACrowdedInstanceStayEmptySoThatItDoesNotWearOut) {
  InstancePool pool(limits_, crowding_);
  std::map<std::uint64_t, int> in_instance;
  std::deque<Seat> seats;
  for (int entity = 0; entity < 2'000; ++entity) {
    const auto stream = model::StreamName::make("counter", std::to_string(entity)).value();
    if (seats.size() == 100) seats.pop_front();
    seats.push_back(pool.seat(module_, stream, seats.size()).value());
    ++in_instance[seats.back().slot().number()];
  }
  for (const auto& [number, entities] : in_instance) EXPECT_LE(entities, 30) << number;
}

TEST_F(InstancePoolTest, AnEntityThatLeavesAndComesBackAgainAndAgainDoesNotWearOutACrowdedInstance) {
  InstancePool pool(limits_, crowding_);
  const auto stream = model::StreamName::make("counter", "restless").value();
  const Seat one_that_stays = pool.seat(module_, stream, 100).value();
  std::map<std::uint64_t, int> in_instance;
  for (int turn = 0; turn < 1'000; ++turn) ++in_instance[pool.seat(module_, stream, 100).value().slot().number()];
  for (const auto& [number, entities] : in_instance) EXPECT_LE(entities, 30) << number;
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
  options_.shard.crowding = {.instances = 5, .entities_per_instance = 100};
  constexpr int entities = 140;
  for (int i = 0; i < entities; ++i) add("e" + std::to_string(i), i + 1);
  EXPECT_EQ(module_->statistics().instances, 5);
  EXPECT_EQ(module_->statistics().creates, entities);

  EXPECT_EQ(run("e139", "Trap").error().code, base::Code::failed_precondition);
  const int lost = entities - module_->statistics().alive_entities;
  EXPECT_GE(lost, 27) << "a fifth of them, more than the ten of a shard without a crowd";
  EXPECT_LE(lost, 29);
  for (int i = 0; i < entities; ++i) {
    EXPECT_EQ(std::get<model::Rejection>(add("e" + std::to_string(i), -1000).value()).error,
              "{\"count\":" + std::to_string(i + 1) + "}");
  }
  EXPECT_EQ(module_->statistics().creates, entities + lost) << "each of them once, at its next use";
}

}  // namespace
}  // namespace thalo::command
