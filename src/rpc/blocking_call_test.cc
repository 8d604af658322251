#include "rpc/blocking_call.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <vector>

#include "net/test_session.h"

namespace thalo::rpc {
namespace {

TEST(BlockingCall, WorkThatNobodyWaitsForAnyMoreIsNotBegun) {
  env::Executor executor("read", 1, 16);
  std::promise<void> release;
  std::vector<std::string> begun;  // of the executor's thread
  net::Router methods;
  methods.unary("/t.S/M", blocking(executor, [&, released = release.get_future().share()](const auto& call) {
                  begun.emplace_back(call->request());
                  released.wait();
                  call->finish("");
                }));
  net::testing::TestSession session(std::move(methods));
  session.receive(net::testing::ClientFrames::preface());
  session.receive(session.client().unary(1, "/t.S/M", "first"));
  session.receive(session.client().unary(3, "/t.S/M", "cancelled"));
  session.receive(session.client().unary(5, "/t.S/M", "second"));
  session.receive(net::testing::ClientFrames::reset(3));
  release.set_value();
  executor.stop();
  session.turn();
  EXPECT_THAT(begun, ::testing::ElementsAre("first", "second"));
  EXPECT_EQ(session.outcome(5).status(), "0");
}

}  // namespace
}  // namespace thalo::rpc
