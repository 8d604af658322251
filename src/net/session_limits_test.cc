// What a session does with clients that mean no good, and how it ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <random>

#include "net/flood_guard.h"
#include "net/gzip.h"
#include "net/test_session.h"

namespace {
std::atomic<std::size_t> heap_bytes;
}  // namespace

void* operator new(std::size_t size) {
  void* const place = std::malloc(size);
  if (place == nullptr) throw std::bad_alloc();
  heap_bytes += malloc_usable_size(place);
  return place;
}
void operator delete(void* place) noexcept {
  heap_bytes -= malloc_usable_size(place);
  std::free(place);
}
void operator delete(void* place, std::size_t) noexcept { operator delete(place); }

namespace thalo::net::testing {
namespace {

using ::testing::HasSubstr;

constexpr const char* hold = "/test.Service/Hold";
constexpr const char* large = "/test.Service/Large";

class LimitsTest : public ::testing::Test {
 protected:
  LimitsTest() { session.receive(ClientFrames::preface()); }

  static ServerOptions options() {
    ServerOptions options;
    options.streams_max = 10;
    options.connection_send_bytes_max = 100'000;
    options.connection_receive_bytes_max = 100'000;
    options.header_list_bytes_max = 2000;
    return options;
  }
  Router router() {
    Router router;
    router.unary(hold, [this](UnaryCall call) { held.push_back(std::move(call)); });
    router.unary(large, [](UnaryCall call) { call.finish(std::string(60'000, 'x')); });
    return router;
  }
  // Sends `frames` again and again until the session has had enough of it.
  ::testing::AssertionResult is_flooded_by(const std::string& frames, int times_max = 100'000) {
    for (int times = 0; times < times_max && session.goaways().empty(); ++times) session.receive(frames);
    if (session.goaways().empty()) return ::testing::AssertionFailure() << "the session still listens";
    if (session.goaways()[0].first != NGHTTP2_ENHANCE_YOUR_CALM) {
      return ::testing::AssertionFailure() << "it ended with " << session.goaways()[0].first;
    }
    if (!session.session().finished()) return ::testing::AssertionFailure() << "it said so but goes on";
    return ::testing::AssertionSuccess();
  }

  std::vector<UnaryCall> held;
  TestSession session{router(), options()};
};

TEST_F(LimitsTest, SettingsTellTheClientTheLimits) {
  ASSERT_FALSE(session.frames().empty());
  const Frame& settings = session.frames()[0];
  EXPECT_EQ(settings.type, NGHTTP2_SETTINGS);
  EXPECT_THAT(settings.payload, HasSubstr(std::string("\0\3", 2) + big_endian_32(10)));
  EXPECT_THAT(settings.payload, HasSubstr(std::string("\0\6", 2) + big_endian_32(2000)));
}

TEST_F(LimitsTest, StreamsBeyondTheLimitAreRefusedAndTheOthersGoOn) {
  for (std::int32_t stream = 1; stream <= 21; stream += 2) session.receive(session.client().unary(stream, hold, ""));
  EXPECT_EQ(held.size(), 10U);
  EXPECT_EQ(session.outcome(21).reset, NGHTTP2_REFUSED_STREAM);
  session.turn([&] {
    for (UnaryCall& call : held) call.finish("done");
  });
  EXPECT_EQ(session.outcome(1).status(), "0");
  EXPECT_EQ(session.outcome(19).status(), "0");
}

TEST_F(LimitsTest, ResetCallsCountUntilTheirHandlersLetGo) {
  std::int32_t stream = 1;
  for (int call = 0; call < 15; ++call, stream += 2) {
    session.receive(session.client().unary(stream, hold, ""));
    session.receive(ClientFrames::reset(stream));
  }
  EXPECT_EQ(held.size(), 10U);
  session.receive(session.client().unary(stream, hold, ""));
  EXPECT_EQ(session.outcome(stream).status(), "8");
  EXPECT_THAT(session.outcome(stream).message(), HasSubstr("10 calls running"));
  session.turn([&] { held.clear(); });
  session.receive(session.client().unary(stream + 2, hold, ""));
  EXPECT_EQ(held.size(), 1U);
}

TEST_F(LimitsTest, ANonReadingClientGetsNoMoreCallsOnceItsAnswersPileUp) {
  session.receive(ClientFrames::settings({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0}}));
  for (std::int32_t stream = 1; stream <= 5; stream += 2) session.receive(session.client().unary(stream, large, ""));
  EXPECT_FALSE(session.outcome(3).ended);
  EXPECT_EQ(session.outcome(5).status(), "8");
  EXPECT_THAT(session.outcome(5).message(), HasSubstr("120010"));
  session.receive(ClientFrames::window_update(1, 100'000) + ClientFrames::window_update(0, 100'000));
  EXPECT_TRUE(session.outcome(1).ended);
  session.receive(session.client().unary(7, large, ""));
  EXPECT_EQ(session.outcome(7).status(), "");
}

TEST_F(LimitsTest, HalfRequestsOfOneConnectionAreBoundedTogether) {
  const std::string half = grpc_message(std::string(80'000, 'x')).substr(0, 60'000);
  session.receive(session.client().headers(1, ClientFrames::grpc_headers(hold), false) +
                  ClientFrames::data(1, half, false));
  EXPECT_EQ(session.outcome(1).status(), "");
  session.receive(session.client().headers(3, ClientFrames::grpc_headers(hold), false) +
                  ClientFrames::data(3, half, false));
  EXPECT_EQ(session.outcome(3).status(), "8");
  EXPECT_THAT(session.outcome(3).message(), HasSubstr("100000"));
}

TEST_F(LimitsTest, ARefusedRequestIsLetGoBeforeItsRefusalIsSent) {
  std::string bomb;
  append_gzip(bomb, std::string(80'000, 'x'));
  std::string calls;
  for (const std::int32_t stream : {1, 3}) {
    calls += session.client().headers(stream, ClientFrames::grpc_headers(hold, {{"grpc-encoding", "gzip"}}), false);
    calls += ClientFrames::data(stream, grpc_message(bomb, true), true);
  }
  session.receive(calls + session.client().unary(5, hold, "small"));
  EXPECT_EQ(session.outcome(1).status(), "");
  EXPECT_EQ(session.outcome(3).status(), "8");
  EXPECT_EQ(session.outcome(5).status(), "");
  EXPECT_EQ(held.size(), 2U);
}

TEST_F(LimitsTest, ACancelledRequestCountsUntilItsHandlerLetsGo) {
  const std::string message(60'000, 'x');
  session.receive(session.client().unary(1, hold, message) + ClientFrames::reset(1));
  session.receive(session.client().unary(3, hold, message));
  EXPECT_EQ(session.outcome(3).status(), "8");
  session.turn([&] { held.clear(); });
  session.receive(session.client().unary(5, hold, message));
  EXPECT_EQ(session.outcome(5).status(), "");
}

// Large messages in both directions, on many calls at once; what they leave behind is measured on the heap.
class MemoryTest : public ::testing::Test {
 protected:
  static constexpr int calls = 20;
  static constexpr std::size_t message_bytes = 1 << 20;
  static constexpr std::size_t kept_bytes_max = message_bytes;  // of all calls together

  class Stays final : public StreamHandler {
    void on_message(std::string_view) override {}
    void on_half_close() override {}
  };

  MemoryTest() {
    append_gzip(compressed, std::string(message_bytes, 'x'));
    session.receive(ClientFrames::preface() +
                    ClientFrames::settings({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 30}}) +
                    ClientFrames::window_update(0, 1 << 30));
    round();
    before = heap_bytes;
  }
  ~MemoryTest() override {
    streams.clear();
    held.clear();
  }

  Router router() {
    Router router;
    router.unary(hold, [this](UnaryCall call) { held.push_back(std::move(call)); });
    router.streaming(stay, [this](Stream stream) {
      streams.push_back(std::move(stream));
      return std::make_unique<Stays>();
    });
    return router;
  }
  HeaderList headers(std::string_view path) {
    return ClientFrames::grpc_headers(path, {{"grpc-encoding", "gzip"}, {"grpc-accept-encoding", "gzip"}});
  }
  void open(const char* path) { session.receive(session.client().headers(next_id += 2, headers(path), false)); }
  void send(std::string_view bytes, bool ends = false) {
    for (; bytes.size() > 10'000; bytes.remove_prefix(10'000)) {
      session.receive(ClientFrames::data(next_id, bytes.substr(0, 10'000), false));
    }
    session.receive(ClientFrames::data(next_id, bytes, ends));
  }
  // Small calls, so that everything is made that a session ever makes.
  void round() {
    for (int call = 0; call < calls; ++call) {
      open(hold);
      send(grpc_message("small"), true);
    }
    session.turn([&] { held.clear(); });
    session.forget_frames();
  }
  std::size_t kept_bytes() {
    session.forget_frames();
    const std::size_t now = heap_bytes;
    return now < before ? 0 : now - before;
  }

  static constexpr const char* stay = "/test.Service/Stay";
  std::vector<UnaryCall> held;
  std::vector<Stream> streams;
  std::string compressed;
  TestSession session{router()};
  std::int32_t next_id = -1;
  std::size_t before = 0;
};

TEST_F(MemoryTest, CallsThatAreOverLeaveNoLargeBuffers) {
  for (int call = 0; call < calls; ++call) {
    open(hold);
    send(grpc_message(compressed, true), true);
    session.turn([&] { held[0].finish(std::string(message_bytes, 'y')); });
    EXPECT_EQ(session.outcome(next_id).messages.at(0).size(), message_bytes);
    held.clear();
  }
  for (int call = 0; call < calls; ++call) {
    open(hold);
    send(grpc_message(std::string(message_bytes, 'x')).substr(0, message_bytes / 2));
  }
  EXPECT_GT(kept_bytes(), calls * message_bytes / 2);
  for (std::int32_t id = next_id; id > next_id - 2 * calls; id -= 2) session.receive(ClientFrames::reset(id));
  EXPECT_LT(kept_bytes(), kept_bytes_max);
}

TEST_F(MemoryTest, AnOpenStreamKeepsNothingOfALargeMessageItHasRead) {
  for (int call = 0; call < calls; ++call) {
    open(stay);
    send(grpc_message(compressed, true));
    send(grpc_message(std::string(message_bytes, 'x')));
  }
  EXPECT_EQ(streams.size(), calls);
  EXPECT_LT(kept_bytes(), kept_bytes_max);
}

TEST_F(MemoryTest, AnOpenStreamKeepsNothingOfALargeMessageItHasSent) {
  for (int call = 0; call < calls; ++call) {
    open(stay);
    for (int message = 0; message < 2; ++message) {
      session.turn([&] { EXPECT_TRUE(streams.back().write(std::string(message_bytes, 'y'))); });
    }
    EXPECT_EQ(session.outcome(next_id).messages.size(), 2U);
    session.forget_frames();
  }
  EXPECT_EQ(streams.size(), calls);
  EXPECT_LT(kept_bytes(), kept_bytes_max);
}

TEST_F(MemoryTest, AStreamWhoseClientHasGoneKeepsNothingOfHalfAMessage) {
  for (int call = 0; call < calls; ++call) {
    open(stay);
    send(grpc_message(std::string(message_bytes, 'x')).substr(0, message_bytes / 2));
    session.receive(ClientFrames::reset(next_id));
  }
  EXPECT_EQ(streams.size(), calls);
  EXPECT_LT(kept_bytes(), kept_bytes_max);
}

TEST_F(LimitsTest, ASettingsFloodIsCutOff) { EXPECT_TRUE(is_flooded_by(ClientFrames::settings({}))); }
TEST_F(LimitsTest, APriorityFloodIsCutOff) {
  EXPECT_TRUE(is_flooded_by(raw_frame(NGHTTP2_PRIORITY, 0, 1, std::string("\0\0\0\0\1", 5))));
}
TEST_F(LimitsTest, AWindowUpdateFloodIsCutOff) { EXPECT_TRUE(is_flooded_by(ClientFrames::window_update(0, 1))); }
TEST(FloodGuardTest, AClientThatReadsALongResponseIsNoFlood) {
  FloodGuard guard(std::chrono::seconds(10));
  const TimePoint now{};
  for (int frame = 0; frame < 100'000; ++frame) {
    guard.on_response_sent();
    ASSERT_TRUE(guard.on_other_frame(now) && guard.on_other_frame(now)) << "two windows for each frame of data";
  }
}
TEST_F(LimitsTest, AnEmptyDataFloodIsCutOff) {
  session.receive(session.client().headers(1, ClientFrames::grpc_headers(hold), false));
  EXPECT_TRUE(is_flooded_by(ClientFrames::data(1, "", false)));
}

TEST_F(LimitsTest, APingFloodIsCutOffAsGrpcSays) {
  EXPECT_TRUE(is_flooded_by(ClientFrames::ping(), 100));
  EXPECT_EQ(session.goaways()[0].second, "too_many_pings");
}

TEST_F(LimitsTest, RapidResetsAreCutOff) {
  std::int32_t stream = 1;
  while (session.goaways().empty() && stream < 1'000'000) {
    session.receive(session.client().unary(stream, large, "") + ClientFrames::reset(stream));
    stream += 2;
  }
  EXPECT_LT(stream, 1'000'000);
}

TEST_F(LimitsTest, AContinuationFloodIsCutOff) {
  session.receive(raw_frame(NGHTTP2_HEADERS, 0, 1, session.client().header_block(ClientFrames::grpc_headers(hold))));
  for (int times = 0; times < 100'000 && !session.session().finished(); ++times) {
    session.receive(raw_frame(NGHTTP2_CONTINUATION, 0, 1, std::string("\0\1a\1b", 5)));
  }
  EXPECT_TRUE(session.session().finished());
}

TEST_F(LimitsTest, HeadersManyTimesOverTheLimitEndTheConnection) {
  HeaderList headers = ClientFrames::grpc_headers(hold);
  for (int index = 0; index < 30; ++index) headers.emplace_back("h" + std::to_string(index), std::string(1000, 'x'));
  const std::string block = session.client().header_block(headers);
  std::string frames = raw_frame(NGHTTP2_HEADERS, 0, 1, block.substr(0, 16'000));
  frames += raw_frame(NGHTTP2_CONTINUATION, NGHTTP2_FLAG_END_HEADERS, 1, block.substr(16'000));
  session.receive(frames);
  EXPECT_TRUE(session.session().finished());
}

TEST(Session, WhatIsNotHttp2IsToldSoAndLeft) {
  TestSession session{Router()};
  session.receive("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  ASSERT_FALSE(session.goaways().empty());
  EXPECT_THAT(session.goaways()[0].second, HasSubstr("gRPC"));
  EXPECT_TRUE(session.session().finished());
}

TEST(Session, GarbageAfterThePrefaceEndsTheConnectionAndNothingElse) {
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    TestSession session{Router()};
    std::string garbage(1 + random() % 300, '\0');
    for (char& byte : garbage) byte = static_cast<char>(random());
    session.receive(ClientFrames::preface() + garbage);
  }
}

TEST_F(LimitsTest, DrainingAnnouncesThenNamesTheLastStreamAndLetsItFinish) {
  session.receive(session.client().unary(1, hold, ""));
  session.turn([&] { session.session().start_drain(); });
  ASSERT_EQ(session.goaways().size(), 1U);
  EXPECT_EQ(session.goaways()[0].first, NGHTTP2_NO_ERROR);
  // A call that the client made before it knew is still served.
  session.receive(session.client().unary(3, hold, ""));
  EXPECT_EQ(held.size(), 2U);
  session.receive(ClientFrames::ping(std::string(8, '\0'), true));
  ASSERT_EQ(session.goaways().size(), 2U);
  session.receive(session.client().unary(5, hold, ""));
  EXPECT_EQ(held.size(), 2U);
  EXPECT_FALSE(session.session().finished());
  session.turn([&] {
    for (UnaryCall& call : held) call.finish("done");
  });
  EXPECT_EQ(session.outcome(1).status(), "0");
  EXPECT_EQ(session.outcome(3).status(), "0");
  EXPECT_TRUE(session.session().finished());
}

TEST_F(LimitsTest, CancellingAnswersWhatIsOpen) {
  session.receive(session.client().unary(1, hold, ""));
  session.turn([&] { session.session().cancel_all(Status::error(base::Code::unavailable, "shutting down")); });
  EXPECT_EQ(session.outcome(1).status(), "14");
  EXPECT_TRUE(held[0].cancelled());
  EXPECT_TRUE(session.session().finished());
}

}  // namespace
}  // namespace thalo::net::testing
