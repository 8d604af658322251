#include <gtest/gtest.h>

#include "base/log.h"
#include "tests/fuzz/mutations.h"
#include "tests/fuzz/targets.h"

namespace thalo::fuzz {
namespace {

TEST(FuzzNet, TheSeedsAreValidSessions) {
  Reached reached;
  for (const std::string& seed : net_session_seeds()) net_session(seed, reached);
  EXPECT_GT(reached.unary_calls, 20U);
  EXPECT_GT(reached.streams, 2U);
  EXPECT_GT(reached.messages, 8U);
  EXPECT_GE(reached.answers, 10U);
}

TEST(FuzzNet, NoBytesOfAClientBreakASession) {
  base::log::set_level(base::log::Level::off);
  Reached reached;
  Mutations mutations(net_session_seeds(), 20260131);
  for (int run = 0; run < 100'000; ++run) net_session(mutations.next(), reached);
  // The mutations get past the door: calls are made, refused and answered, and sessions are ended.
  EXPECT_GT(reached.unary_calls, 50'000U);
  EXPECT_GT(reached.messages, 25'000U);
  EXPECT_GT(reached.rejections, 1'000U);
  EXPECT_GT(reached.goaways, 1'000U);
}

TEST(FuzzNet, NoBytesBreakTheCodecs) {
  Reached reached;
  Mutations mutations(net_codec_seeds(), 20260131);
  for (int run = 0; run < 50'000; ++run) net_codec(mutations.next(), reached);
  EXPECT_GT(reached.messages, 10'000U);
  EXPECT_GT(reached.rejections, 1'000U);
}

}  // namespace
}  // namespace thalo::fuzz
