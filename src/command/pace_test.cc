#include "command/pace.h"

#include <gtest/gtest.h>

namespace thalo::command {
namespace {

using std::chrono::milliseconds;

class PaceTest : public ::testing::Test {
 protected:
  std::optional<std::size_t> work(std::size_t count, std::chrono::nanoseconds time) {
    now_ += time;
    return pace_.done(count, now_);
  }

  Pace::Time now_;
  Pace pace_{milliseconds(2000)};
};

TEST_F(PaceTest, AsManyMayWaitAsAreDoneInTheTimeTheyMayWait) {
  pace_.start(now_);
  EXPECT_EQ(work(2000, milliseconds(1000)), 4000u) << "half a millisecond each";
  EXPECT_EQ(work(5000, milliseconds(50)), 200000u) << "a fiftieth of it";
}

TEST_F(PaceTest, AFewCommandsSayNothingYet) {
  pace_.start(now_);
  EXPECT_EQ(work(100, milliseconds(50)), std::nullopt);
  EXPECT_EQ(work(100, milliseconds(50)), std::nullopt);
  EXPECT_EQ(work(1800, milliseconds(900)), 4000u) << "those before count too";
}

TEST_F(PaceTest, RestIsNoWork) {
  pace_.start(now_);
  EXPECT_EQ(work(100, milliseconds(50)), std::nullopt);
  now_ += milliseconds(60000);
  pace_.start(now_);
  EXPECT_EQ(work(1900, milliseconds(950)), 4000u);
}

TEST_F(PaceTest, TimeInWhichNothingWasDoneCountsForTheNext) {
  pace_.start(now_);
  EXPECT_EQ(work(0, milliseconds(400)), std::nullopt) << "an entity is being rebuilt";
  EXPECT_EQ(work(1000, milliseconds(600)), 2000u);
}

TEST_F(PaceTest, SomeMayAlwaysWait) {
  pace_.start(now_);
  EXPECT_EQ(work(1, milliseconds(2000)), Pace::always);
  Pace endless{milliseconds(0)};
  endless.start(now_);
  EXPECT_EQ(endless.done(5000, now_ + milliseconds(9000)), std::nullopt) << "no bound by time";
}

}  // namespace
}  // namespace thalo::command
