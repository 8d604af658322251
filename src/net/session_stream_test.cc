// What a client and a handler of streaming calls see.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <span>
#include <stdexcept>
#include <thread>

#include "net/gzip.h"
#include "net/test_session.h"

namespace thalo::net::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* method = "/test.Service/Stream";

// What the handler of a call has heard; kept beyond the handler.
struct Heard {
  std::optional<Stream> stream;
  std::vector<std::string> messages;
  bool half_closed = false;
  bool cancelled = false;
  bool destroyed = false;
  int writable = 0;
  bool draining = false;
  std::function<void(std::string_view)> on_message;
};

class Recorder final : public StreamHandler {
 public:
  explicit Recorder(Heard& heard) : heard_(heard) {}
  ~Recorder() override { heard_.destroyed = true; }
  void on_message(std::string_view message) override {
    heard_.messages.emplace_back(message);
    if (heard_.on_message) heard_.on_message(message);
  }
  void on_half_close() override { heard_.half_closed = true; }
  void on_writable() override { ++heard_.writable; }
  void on_cancelled() override { heard_.cancelled = true; }
  void on_draining() override { heard_.draining = true; }

 private:
  Heard& heard_;
};

class StreamTest : public ::testing::Test {
 protected:
  StreamTest() {
    session.receive(ClientFrames::preface());
    session.receive(
        session.client().headers(1, ClientFrames::grpc_headers(method, {{"grpc-accept-encoding", "gzip"}}), false));
  }
  static ServerOptions options() {
    ServerOptions options;
    options.receive_message_bytes_max = 100'000;
    options.stream_send_bytes_max = 100'000;
    options.stream_send_high_water_bytes = 50'000;
    options.stream_send_low_water_bytes = 10'000;
    options.stream_receive_window_bytes = 65'535;
    return options;
  }
  Router router() {
    Router router;
    router.streaming(method, [this](Stream stream) {
      heard.stream = std::move(stream);
      return std::make_unique<Recorder>(heard);
    });
    router.streaming("/test.Service/Refuse", [](Stream stream) {
      stream.finish(Status::error(base::Code::permission_denied, "no"));
      return nullptr;
    });
    router.streaming("/test.Service/Forget", [](const Stream&) { return nullptr; });
    router.streaming("/test.Service/Throw",
                     [](const Stream&) -> std::unique_ptr<StreamHandler> { throw std::runtime_error("a fault"); });
    return router;
  }
  void send(std::string_view message, bool ends = false) {
    session.receive(ClientFrames::data(1, grpc_message(message), ends));
  }
  Stream& stream() { return *heard.stream; }

  Heard heard;
  TestSession session{router(), options()};
};

TEST_F(StreamTest, MessagesFlowBothWaysUntilBothSidesEnd) {
  heard.on_message = [&](std::string_view message) { EXPECT_TRUE(stream().write("re " + std::string(message))); };
  send("one");
  send("two", true);
  EXPECT_TRUE(heard.half_closed);
  EXPECT_THAT(session.outcome(1).messages, ElementsAre("re one", "re two"));
  EXPECT_FALSE(session.outcome(1).ended);
  Metadata trailing;
  trailing.add("t", "1");
  session.turn([&] { stream().finish(Status::ok(), std::move(trailing)); });
  EXPECT_EQ(session.outcome(1).status(), "0");
  EXPECT_EQ(session.outcome(1).trailer("t"), "1");
  EXPECT_TRUE(heard.destroyed);
  EXPECT_FALSE(heard.cancelled);
}

TEST_F(StreamTest, HeadersGoOutFirstWhereTheHandlerWantsIt) {
  Metadata initial;
  initial.add("i", "1");
  session.turn([&] { stream().send_initial_metadata(std::move(initial)); });
  EXPECT_EQ(session.outcome(1).initial_header("i"), "1");
  EXPECT_FALSE(session.outcome(1).ended);
}

TEST_F(StreamTest, AStreamWithoutMessagesEndsWithTrailersOnly) {
  session.receive(ClientFrames::data(1, "", true));
  session.turn([&] { stream().finish(Status::ok()); });
  EXPECT_EQ(session.count(NGHTTP2_HEADERS), 1U);
  EXPECT_EQ(session.outcome(1).status(), "0");
}

TEST_F(StreamTest, FinishingBeforeTheClientTellsItToSendNoMore) {
  session.turn([&] { stream().finish(Status::error(base::Code::aborted, "enough")); });
  EXPECT_EQ(session.outcome(1).status(), "10");
  EXPECT_EQ(session.outcome(1).reset, NGHTTP2_NO_ERROR);
  EXPECT_FALSE(heard.cancelled);
}

TEST_F(StreamTest, WhatWasWrittenBeforeAFailureIsSentFirst) {
  session.turn([&] {
    EXPECT_TRUE(stream().write("a"));
    EXPECT_TRUE(stream().write("b"));
    stream().finish(Status::error(base::Code::data_loss, "broken"));
  });
  EXPECT_THAT(session.outcome(1).messages, ElementsAre("a", "b"));
  EXPECT_EQ(session.outcome(1).status(), "15");
}

TEST_F(StreamTest, AResetTellsTheHandlerAndEndsIt) {
  session.receive(ClientFrames::reset(1));
  EXPECT_TRUE(heard.cancelled);
  EXPECT_TRUE(heard.destroyed);
  EXPECT_TRUE(stream().cancelled());
  const auto written = stream().write("to nobody");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, base::Code::cancelled);
  stream().finish(Status::ok());
}

TEST_F(StreamTest, TheEndOfTheConnectionTellsTheHandler) {
  session.close();
  EXPECT_TRUE(heard.cancelled);
  EXPECT_TRUE(heard.destroyed);
  EXPECT_FALSE(stream().write("to nobody"));
}

TEST_F(StreamTest, WritesFromAnotherThreadArriveInOrder) {
  std::thread writer([&] {
    for (int index = 0; index < 1000; ++index) EXPECT_TRUE(stream().write(std::to_string(index)));
    stream().finish(Status::ok());
  });
  writer.join();
  session.turn();
  const auto messages = session.outcome(1).messages;
  ASSERT_EQ(messages.size(), 1000U);
  for (int index = 0; index < 1000; ++index) EXPECT_EQ(messages[index], std::to_string(index));
  EXPECT_EQ(session.outcome(1).status(), "0");
}

TEST_F(StreamTest, AWriterIsHeldBackByAClientThatTakesNothing) {
  session.receive(ClientFrames::settings({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0}}));
  const std::string kilobyte(1000 - 5, 'x');
  int accepted = 0;
  session.turn([&] {
    while (stream().writable()) {
      ASSERT_TRUE(stream().write(kilobyte));
      ++accepted;
    }
  });
  EXPECT_EQ(accepted, 50);
  while (stream().write(kilobyte)) ++accepted;
  EXPECT_EQ(accepted, 100);
  EXPECT_EQ(stream().write(kilobyte).error().code, base::Code::resource_exhausted);
  EXPECT_THAT(stream().write(kilobyte).error().message, HasSubstr("100000"));
  EXPECT_EQ(stream().pending_bytes(), 100'000U);
  EXPECT_EQ(heard.writable, 0);
  session.receive(ClientFrames::window_update(0, 1 << 20) + ClientFrames::window_update(1, 80'000));
  EXPECT_EQ(heard.writable, 0);
  session.receive(ClientFrames::window_update(1, 80'000));
  EXPECT_EQ(heard.writable, 1);
  EXPECT_EQ(stream().pending_bytes(), 0U);
  EXPECT_EQ(session.outcome(1).messages.size(), 100U);
}

TEST_F(StreamTest, ASharedPartOfAMessageIsLetGoOnceItIsSent) {
  session.receive(ClientFrames::settings({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0}}));
  auto text = std::make_shared<const std::string>(40'000, 's');
  const std::weak_ptr<const std::string> watched = text;
  session.turn([&] {
    const std::array parts{BytesPart{"begin "}, BytesPart{*text, text}, BytesPart{" end"}};
    EXPECT_TRUE(stream().write(parts));
  });
  const std::string expected = "begin " + *std::exchange(text, nullptr) + " end";
  session.receive(ClientFrames::window_update(1, 30'000));
  EXPECT_FALSE(watched.expired());
  session.receive(ClientFrames::window_update(1, 30'000));
  EXPECT_THAT(session.outcome(1).messages, ElementsAre(expected));
  EXPECT_TRUE(watched.expired());
}

TEST_F(StreamTest, ASharedPartOfAMessageIsLetGoWhenTheClientGoes) {
  session.receive(ClientFrames::settings({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0}}));
  auto text = std::make_shared<const std::string>(40'000, 's');
  const std::weak_ptr<const std::string> watched = text;
  session.turn([&] {
    const BytesPart part{*text, text};
    EXPECT_TRUE(stream().write(std::span(&part, 1)));
  });
  text = nullptr;
  session.receive(ClientFrames::window_update(1, 10'000) + ClientFrames::reset(1));
  heard.stream.reset();
  session.turn();
  EXPECT_TRUE(watched.expired());
}

TEST_F(StreamTest, FramesAreAsLongAsTheClientAllows) {
  session.receive(ClientFrames::settings({{NGHTTP2_SETTINGS_MAX_FRAME_SIZE, 60'000}}));
  session.turn([&] { EXPECT_TRUE(stream().write(std::string(55'000, 'x'))); });
  EXPECT_EQ(session.count(NGHTTP2_DATA), 1U);
  EXPECT_EQ(session.outcome(1).messages.size(), 1U);
}

TEST_F(StreamTest, AnOversizedMessageIsTakenWhenNothingElseWaits) {
  session.turn([&] {
    EXPECT_TRUE(stream().write(std::string(150'000, 'x')));
    EXPECT_FALSE(stream().write("more"));
  });
}

TEST_F(StreamTest, PausedReadingHoldsTheClientBackAndLosesNothing) {
  heard.on_message = [&](std::string_view) { stream().pause_reading(); };
  const std::string message(9'995, 'x');
  for (int index = 0; index < 6; ++index) send(message);
  EXPECT_EQ(heard.messages.size(), 1U);
  for (const Frame& frame : session.frames()) {
    EXPECT_FALSE(frame.type == NGHTTP2_WINDOW_UPDATE && frame.stream_id == 1);
  }
  heard.on_message = nullptr;
  session.turn([&] { stream().resume_reading(); });
  EXPECT_EQ(heard.messages.size(), 6U);
  bool window_opened = false;
  for (const Frame& frame : session.frames()) {
    window_opened = window_opened || (frame.type == NGHTTP2_WINDOW_UPDATE && frame.stream_id == 1);
  }
  EXPECT_TRUE(window_opened);
}

TEST_F(StreamTest, PausedBetweenMessagesOfOneFrameEachWaitsItsTurn) {
  heard.on_message = [&](std::string_view) { stream().pause_reading(); };
  session.receive(ClientFrames::data(1, grpc_message("a") + grpc_message("b") + grpc_message("c"), true));
  EXPECT_THAT(heard.messages, ElementsAre("a"));
  session.turn([&] { stream().resume_reading(); });
  EXPECT_THAT(heard.messages, ElementsAre("a", "b"));
  EXPECT_FALSE(heard.half_closed);
  session.turn([&] { stream().resume_reading(); });
  EXPECT_THAT(heard.messages, ElementsAre("a", "b", "c"));
  heard.on_message = nullptr;
  session.turn([&] { stream().resume_reading(); });
  EXPECT_TRUE(heard.half_closed);
}

TEST_F(StreamTest, AClientBeyondItsWindowIsCutOff) {
  session.turn([&] { stream().pause_reading(); });
  session.receive(ClientFrames::data(1, std::string(70'000, 'x'), false));
  EXPECT_TRUE(session.outcome(1).reset.has_value() || !session.goaways().empty());
}

TEST_F(StreamTest, ACallThatEndsInTheMiddleOfAMessageIsResetRatherThanEnded) {
  session.turn([&] { EXPECT_TRUE(stream().write(std::string(90'000, 'x'))); });
  ASSERT_GT(session.produced_bytes(), 60'000U);
  heard.on_message = [](std::string_view) { throw std::runtime_error("a fault"); };
  send("message");
  EXPECT_EQ(session.outcome(1).reset, NGHTTP2_CANCEL);
  EXPECT_FALSE(session.outcome(1).ended);
  EXPECT_TRUE(heard.cancelled);
}

TEST_F(StreamTest, AStreamThatIsCutOffInTheMiddleOfAMessageLosesItsConnectionRatherThanBeingCalledCancelled) {
  session.turn([&] { EXPECT_TRUE(stream().write(std::string(90'000, 'x'))); });
  ASSERT_GT(session.produced_bytes(), 60'000U);
  session.turn([&] { session.session().cancel_all(Status::error(base::Code::unavailable, "shutting down")); });
  EXPECT_EQ(session.outcome(1).reset, std::nullopt);
  EXPECT_FALSE(session.outcome(1).ended);
  EXPECT_TRUE(heard.cancelled);
  EXPECT_TRUE(session.session().finished()) << "the client is not waited for";
}

TEST_F(StreamTest, ACallThatEndsBetweenMessagesGetsItsStatus) {
  session.turn([&] { EXPECT_TRUE(stream().write("whole")); });
  session.turn([&] { session.session().cancel_all(Status::error(base::Code::unavailable, "shutting down")); });
  EXPECT_EQ(session.outcome(1).status(), "14");
  EXPECT_THAT(session.outcome(1).messages, ElementsAre("whole"));
}

TEST_F(StreamTest, CompressionIsPerMessageOnceAnnounced) {
  session.turn([&] {
    EXPECT_TRUE(stream().write("first", Compression::gzip));
    EXPECT_TRUE(stream().write("second"));
  });
  const Outcome outcome = session.outcome(1);
  EXPECT_EQ(outcome.initial_header("grpc-encoding"), "gzip");
  EXPECT_THAT(outcome.compressed, ElementsAre(true, false));
  std::string message;
  ASSERT_TRUE(gunzip(message, outcome.messages.at(0), 1000));
  EXPECT_EQ(message, "first");
}

TEST_F(StreamTest, CompressionThatWasNotAnnouncedIsLeftOut) {
  session.turn([&] {
    EXPECT_TRUE(stream().write("first"));
    EXPECT_TRUE(stream().write("second", Compression::gzip));
  });
  EXPECT_THAT(session.outcome(1).compressed, ElementsAre(false, false));
}

TEST_F(StreamTest, AMessageOverTheLimitEndsTheCall) {
  session.receive(ClientFrames::data(1, grpc_message(std::string(100'001, 'x')).substr(0, 5), false));
  EXPECT_EQ(session.outcome(1).status(), "8");
  EXPECT_TRUE(heard.cancelled);
}

TEST_F(StreamTest, ARequestThatEndsInsideAMessageIsRefused) {
  session.receive(ClientFrames::data(1, grpc_message("abc").substr(0, 6), true));
  EXPECT_EQ(session.outcome(1).status(), "3");
  EXPECT_FALSE(heard.half_closed);
}

TEST_F(StreamTest, AHandlerMayRefuseForgetOrFail) {
  session.receive(session.client().headers(3, ClientFrames::grpc_headers("/test.Service/Refuse"), false));
  EXPECT_EQ(session.outcome(3).status(), "7");
  session.receive(session.client().headers(5, ClientFrames::grpc_headers("/test.Service/Forget"), false));
  EXPECT_EQ(session.outcome(5).status(), "13");
  session.receive(session.client().headers(7, ClientFrames::grpc_headers("/test.Service/Throw"), false));
  EXPECT_EQ(session.outcome(7).status(), "13");
  heard.on_message = [](std::string_view) { throw std::runtime_error("a fault"); };
  send("message");
  EXPECT_EQ(session.outcome(1).status(), "13");
}

TEST_F(StreamTest, TwoEndlessStreamsTakeTurns) {
  Heard other;
  Router both;
  std::vector<Heard*> heards{&heard, &other};
  std::size_t next = 0;
  both.streaming(method, [&](Stream stream) {
    Heard& mine = *heards[next++];
    mine.stream = std::move(stream);
    return std::make_unique<Recorder>(mine);
  });
  TestSession shared(std::move(both));
  shared.receive(ClientFrames::preface() + ClientFrames::settings({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 24}}));
  for (const std::int32_t stream_id : {1, 3}) {
    shared.receive(shared.client().headers(stream_id, ClientFrames::grpc_headers(method), false));
  }
  // The connection's window of 65,535 bytes is what they share.
  shared.turn([&] {
    for (int index = 0; index < 100; ++index) {
      EXPECT_TRUE(heard.stream->write(std::string(10'000, 'a')));
      EXPECT_TRUE(other.stream->write(std::string(10'000, 'b')));
    }
  });
  std::size_t first = 0;
  std::size_t second = 0;
  for (const Frame& frame : shared.frames()) {
    if (frame.type == NGHTTP2_DATA) (frame.stream_id == 1 ? first : second) += frame.payload.size();
  }
  EXPECT_GE(first, 16'384U);
  EXPECT_GE(second, 16'384U);
}

TEST_F(StreamTest, DrainingTellsTheHandler) {
  session.turn([&] { session.session().start_drain(); });
  EXPECT_TRUE(heard.draining);
  EXPECT_FALSE(heard.cancelled);
  session.turn([&] { stream().finish(Status::error(base::Code::unavailable, "draining")); });
  EXPECT_EQ(session.outcome(1).status(), "14");
  // A stream that the client opened before it knew is told at once.
  heard.draining = false;
  session.receive(session.client().headers(3, ClientFrames::grpc_headers(method), false));
  EXPECT_TRUE(heard.draining);
}

}  // namespace
}  // namespace thalo::net::testing
