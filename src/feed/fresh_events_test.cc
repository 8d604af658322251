#include "feed/fresh_events.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace thalo::feed {
namespace {

using model::GlobalPosition;

class FreshEventsTest : public ::testing::Test {
 protected:
  void commit(GlobalPosition first, std::uint64_t count, const std::string& data = "{}") {
    const auto show = [&](store::EventVisitor visit) {
      for (GlobalPosition at = first; at < first + count; ++at)
        if (!visit({.global_position = at, .stream = "a-b", .type = "T", .data = data, .metadata = {}})) return;
    };
    fresh.add({first + count, show});
  }
  // The positions of what is kept from `from` on; `to` stays what it was when they are found.
  std::vector<GlobalPosition> take(GlobalPosition from) {
    const auto batch = fresh.take(from, to);
    if (batch == nullptr) return {};
    EXPECT_EQ(batch->begin(), from);
    EXPECT_EQ(batch->next(), from + batch->size());
    std::vector<GlobalPosition> out;
    for (std::size_t index = 0; index < batch->size(); ++index) out.push_back(batch->position(index));
    return out;
  }

  FreshEvents fresh{10, 10'000};
  GlobalPosition to = 100;
};

using Positions = std::vector<GlobalPosition>;

TEST_F(FreshEventsTest, CommitsOneAfterTheOtherComeTogetherAndOnce) {
  commit(5, 2);
  commit(7, 1);
  EXPECT_EQ(take(5), (Positions{5, 6, 7}));
  EXPECT_EQ(take(8), Positions{});
  commit(100, 1);
  EXPECT_EQ(take(100), Positions{100});
}

TEST_F(FreshEventsTest, WhatTheReaderHasAlreadyIsNotHandedOverAgain) {
  to = 8;
  EXPECT_EQ(take(5), Positions{}) << "5 to 7 are read from the store";
  commit(5, 2);
  commit(7, 3);
  EXPECT_EQ(take(8), (Positions{8, 9}));
}

TEST_F(FreshEventsTest, AReaderThatIsPastWhatIsKeptGetsNothingOfIt) {
  commit(5, 4);
  EXPECT_EQ(take(7), Positions{});
  EXPECT_EQ(to, 100u);
  commit(100, 1);
  EXPECT_EQ(take(100), Positions{100});
}

TEST_F(FreshEventsTest, AReaderThatIsBehindReadsUpToWhatIsKept) {
  commit(5, 4);
  EXPECT_EQ(take(3), Positions{});
  EXPECT_EQ(to, 5u);
  EXPECT_EQ(take(5), (Positions{5, 6, 7, 8}));
}

TEST_F(FreshEventsTest, NothingFollowsAGap) {
  commit(5, 2);
  commit(8, 2);
  EXPECT_EQ(take(5), (Positions{5, 6}));
  to = 10;
  EXPECT_EQ(take(7), Positions{});
  EXPECT_EQ(to, 10u);
  commit(10, 1);
  EXPECT_EQ(take(10), Positions{10});
}

TEST_F(FreshEventsTest, NoMoreIsKeptThanThereIsRoomFor) {
  commit(0, 30);
  commit(30, 1);
  EXPECT_EQ(take(0).size(), 10u);
  to = 31;
  EXPECT_EQ(take(10), Positions{});
  EXPECT_EQ(to, 31u) << "the rest is read from the store";
  const std::string large(6'000, 'x');
  commit(31, 5, large);
  EXPECT_EQ(take(31).size(), 2u);
}

}  // namespace
}  // namespace thalo::feed
