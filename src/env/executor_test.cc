#include "env/executor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>

namespace thalo::env {
namespace {

TEST(Executor, RunsEverythingQueuedBeforeItStops) {
  std::atomic<int> done = 0;
  Executor executor("reader", 2, 1000);
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(executor.post([&] { ++done; }));
  executor.stop();
  EXPECT_EQ(done, 500);
  EXPECT_EQ(executor.post([] {}).error().code, base::Code::unavailable);
}

TEST(Executor, RefusesBeyondItsBound) {
  std::latch release(1);
  std::latch running(1);
  Executor executor("reader", 1, 1);
  ASSERT_TRUE(executor.post([&] {
    running.count_down();
    release.wait();
  }));
  running.wait();
  ASSERT_TRUE(executor.post([] {}));
  const auto refused = executor.post([] {});
  release.count_down();
  EXPECT_EQ(refused.error().code, base::Code::resource_exhausted);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("reader has 1 tasks waiting"));
}

}  // namespace
}  // namespace thalo::env
