#include "rpc/server_stream.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "net/test_session.h"
#include "thalo/v1/events.pb.h"

namespace thalo::rpc {
namespace {

// Two batches. While the first is read, other work comes to the executor.
class Source final : public BatchSource {
 public:
  Source(env::Executor& executor, std::promise<bool>& other_ran) : executor_(executor), other_ran_(other_ran) {}

  base::Result<Batch> next() override {
    if (++batches_ == 1) {
      EXPECT_TRUE(executor_.post([ran = ran_] { ran->store(true); }));
      std::this_thread::sleep_for(std::chrono::milliseconds(100));  // longer than a turn
      return Batch{};
    }
    other_ran_.set_value(ran_->load());
    return Batch{{}, true};
  }

 private:
  env::Executor& executor_;
  std::promise<bool>& other_ran_;
  const std::shared_ptr<std::atomic<bool>> ran_ = std::make_shared<std::atomic<bool>>(false);
  int batches_ = 0;
};

struct Reading {
  std::string status = {};
  bool other_ran = false;  // between the two batches
};

Reading read(std::size_t queue_max) {
  env::Executor executor("read", 1, queue_max);
  std::promise<bool> other_ran;
  net::Router methods;
  methods.streaming("/t.S/M", [&](net::Stream stream) {
    return std::make_unique<BatchStreamHandler<v1::ReadAllRequest>>(
        std::move(stream), executor, [&](const auto&) -> base::Result<std::unique_ptr<BatchSource>> {
          return std::make_unique<Source>(executor, other_ran);
        });
  });
  net::testing::TestSession session(std::move(methods));
  session.receive(net::testing::ClientFrames::preface());
  session.receive(session.client().unary(1, "/t.S/M", ""));
  Reading reading{.status = {}, .other_ran = other_ran.get_future().get()};
  executor.stop();
  session.turn();
  reading.status = session.outcome(1).status();
  return reading;
}

TEST(ServerStream, OthersHaveTheirTurnBetweenTwoBatchesThatTakeLong) {
  const Reading reading = read(16);
  EXPECT_TRUE(reading.other_ran);
  EXPECT_EQ(reading.status, "0");
}

TEST(ServerStream, AReadUnderWayGoesOnWhenManyOthersWait) {
  const Reading reading = read(1);  // which the other work fills
  EXPECT_FALSE(reading.other_ran);
  EXPECT_EQ(reading.status, "0");
}

}  // namespace
}  // namespace thalo::rpc
