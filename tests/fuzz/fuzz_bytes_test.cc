#include <gtest/gtest.h>

#include "base/log.h"
#include "tests/fuzz/mutations.h"
#include "tests/fuzz/targets.h"

namespace thalo::fuzz {
namespace {

using Target = void (*)(std::string_view, Reached&);

Reached run(Target target, std::vector<std::string> seeds, int runs) {
  Reached reached;
  Mutations mutations(std::move(seeds), 20260131);
  for (int count = 0; count < runs; ++count) target(mutations.next(), reached);
  return reached;
}

void expect_valid(Target target, const std::vector<std::string>& seeds) {
  Reached reached;
  for (const auto& seed : seeds) target(seed, reached);
  EXPECT_EQ(reached.accepted, seeds.size());
}

TEST(FuzzBytes, TheSeedsAreValid) {
  expect_valid(stored_bytes, stored_bytes_seeds());
  expect_valid(client_text, client_text_seeds());
  expect_valid(component, component_seeds());
}

TEST(FuzzBytes, NoBytesOnDiskBreakTheStore) {
  const Reached reached = run(stored_bytes, stored_bytes_seeds(), 100'000);
  EXPECT_GT(reached.accepted, 20'000U);
  EXPECT_GT(reached.rejections, 20'000U);
}

TEST(FuzzBytes, NoTextOfAClientBreaksAPromise) {
  const Reached reached = run(client_text, client_text_seeds(), 100'000);
  EXPECT_GT(reached.accepted, 20'000U);
  EXPECT_GT(reached.rejections, 10'000U);
}

TEST(FuzzBytes, NoAnswerOfAGuestBreaksAPromise) {
  const Reached reached = run(guest_answer, guest_answer_seeds(), 10'000);
  EXPECT_GT(reached.accepted, 1'000U);
  EXPECT_GT(reached.rejections, 1'000U);
}

TEST(FuzzBytes, NoFileBreaksTheLoader) {
  const Reached reached = run(component, component_seeds(), 100);
  EXPECT_GT(reached.rejections, 50U);
}

TEST(FuzzBytesDeathTest, TheCanaryIsFound) {
  EXPECT_DEATH(run(canary, canary_seeds(), 100'000), "broken promise: the canary");
}

}  // namespace
}  // namespace thalo::fuzz
