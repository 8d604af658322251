// What a client of unary calls sees.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>
#include <thread>

#include "net/gzip.h"
#include "net/test_session.h"

namespace thalo::net::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* echo = "/test.Service/Echo";

// Echo answers with the request; Hold keeps its calls for the test to answer.
struct Service {
  std::vector<UnaryCall> held;

  Router router() {
    Router router;
    router.unary(echo, [](UnaryCall call) { call.finish(std::string(call.request())); });
    router.unary("/test.Service/Gzip",
                 [](UnaryCall call) { call.finish(std::string(call.request()), Compression::gzip); });
    router.unary("/test.Service/Hold", [this](UnaryCall call) { held.push_back(std::move(call)); });
    router.unary("/test.Service/Drop", [](UnaryCall) {});
    router.unary("/test.Service/Throw", [](UnaryCall) { throw std::runtime_error("a fault"); });
    return router;
  }
};

ServerOptions small_limits() {
  ServerOptions options;
  options.receive_message_bytes_max = 1000;
  options.header_list_bytes_max = 2000;
  return options;
}

class UnaryTest : public ::testing::Test {
 protected:
  Outcome call(std::string_view path, std::string_view message, const HeaderList& more = {}) {
    const std::int32_t stream_id = next_stream();
    session.receive(session.client().unary(stream_id, path, message, more));
    return session.outcome(stream_id);
  }
  Outcome send(const HeaderList& headers, const std::string& body) {
    const std::int32_t stream_id = next_stream();
    session.receive(session.client().headers(stream_id, headers, body.empty()));
    if (!body.empty()) session.receive(ClientFrames::data(stream_id, body, true));
    return session.outcome(stream_id);
  }
  std::int32_t next_stream() {
    if (std::exchange(greeted, true)) return stream += 2;
    session.receive(ClientFrames::preface());
    return stream;
  }

  Service service;
  TestSession session{service.router(), small_limits()};
  std::int32_t stream = 1;
  bool greeted = false;
};

TEST_F(UnaryTest, ACallIsAnsweredWithHeadersMessageAndTrailers) {
  const Outcome outcome = call(echo, "hello");
  EXPECT_EQ(outcome.initial_header(":status"), "200");
  EXPECT_EQ(outcome.initial_header("content-type"), "application/grpc");
  EXPECT_THAT(outcome.messages, ElementsAre("hello"));
  EXPECT_EQ(outcome.status(), "0");
  EXPECT_TRUE(outcome.ended);
  EXPECT_EQ(outcome.reset, std::nullopt);
}

TEST_F(UnaryTest, TheBytesMayArriveOneByOne) {
  next_stream();
  for (const char byte : session.client().unary(1, echo, "hello")) session.receive(std::string(1, byte));
  EXPECT_THAT(session.outcome(1).messages, ElementsAre("hello"));
}

TEST_F(UnaryTest, ALargeAnswerGoesAsFarAsTheWindow) {
  Router router;
  router.unary(echo, [](UnaryCall call) { call.finish(std::string(200'000, 'x')); });
  TestSession large(std::move(router));
  large.receive(ClientFrames::preface() + large.client().unary(1, echo, ""));
  EXPECT_FALSE(large.outcome(1).ended);
  EXPECT_LT(large.produced_bytes(), 70'000U);
  large.receive(ClientFrames::window_update(0, 1 << 20) + ClientFrames::window_update(1, 1 << 20));
  EXPECT_TRUE(large.outcome(1).ended);
  EXPECT_THAT(large.outcome(1).messages, ElementsAre(std::string(200'000, 'x')));
}

TEST_F(UnaryTest, AnUnknownMethodIsNamed) {
  const Outcome method = call("/test.Service/Nothing", "");
  EXPECT_EQ(method.status(), "12");
  EXPECT_THAT(method.message(), AllOf(HasSubstr("/test.Service/Nothing"), HasSubstr("method")));
  const Outcome service = call("/other.Service/Echo", "");
  EXPECT_EQ(service.status(), "12");
  EXPECT_THAT(service.message(), AllOf(HasSubstr("/other.Service/Echo"), HasSubstr("service")));
}

TEST_F(UnaryTest, WhatIsNotGrpcIsRefusedByHttpStatus) {
  HeaderList headers = ClientFrames::grpc_headers(echo);
  headers[4].second = "application/json";
  EXPECT_EQ(send(headers, "{}").initial_header(":status"), "415");
  headers[4].second = "application/grpc-web";
  EXPECT_EQ(send(headers, "").initial_header(":status"), "415");
  headers[4].second = "application/grpc";
  headers[0].second = "GET";
  EXPECT_EQ(send(headers, "").initial_header(":status"), "405");
  headers[0].second = "POST";
  headers[4].second = "application/grpc+proto";
  EXPECT_EQ(send(headers, grpc_message("x")).status(), "0");
}

TEST_F(UnaryTest, AMalformedTimeoutIsNamed) {
  const Outcome outcome = call(echo, "", {{"grpc-timeout", "5 minutes"}});
  EXPECT_EQ(outcome.status(), "3");
  EXPECT_THAT(outcome.message(), AllOf(HasSubstr("grpc-timeout"), HasSubstr("5 minutes")));
}

TEST_F(UnaryTest, APassedDeadlineIsAnsweredWithoutTheHandler) {
  EXPECT_EQ(call("/test.Service/Hold", "", {{"grpc-timeout", "0n"}}).status(), "4");
  EXPECT_TRUE(service.held.empty());
}

TEST_F(UnaryTest, HandlersSeeMetadataPeerMethodAndDeadline) {
  call("/test.Service/Hold", "request", {{"user", "ann"}, {"grpc-timeout", "1H"}});
  ASSERT_EQ(service.held.size(), 1U);
  const UnaryCall& call = service.held[0];
  EXPECT_EQ(call.request(), "request");
  EXPECT_EQ(call.metadata().get("user"), "ann");
  EXPECT_EQ(call.metadata().get("content-type"), std::nullopt);
  EXPECT_EQ(call.peer(), "192.0.2.1:1000");
  EXPECT_EQ(call.method(), "/test.Service/Hold");
  EXPECT_GT(call.deadline(), std::chrono::steady_clock::now() + std::chrono::minutes(59));
  EXPECT_LT(call.deadline(), no_deadline);
  EXPECT_FALSE(call.cancelled());
}

TEST_F(UnaryTest, BinaryMetadataIsDecodedInEveryForm) {
  call("/test.Service/Hold", "", {{"a-bin", "AAE="}, {"b-bin", "AAE"}, {"c-bin", "AAE=, AAI,AAM="}});
  ASSERT_EQ(service.held.size(), 1U);
  const Metadata& metadata = service.held[0].metadata();
  EXPECT_EQ(metadata.get("a-bin"), std::string_view("\0\1", 2));
  EXPECT_EQ(metadata.get("b-bin"), std::string_view("\0\1", 2));
  EXPECT_THAT(metadata.all("c-bin"),
              ElementsAre(std::string_view("\0\1", 2), std::string_view("\0\2", 2), std::string_view("\0\3", 2)));
}

TEST_F(UnaryTest, BinaryMetadataThatIsNotBase64IsNamed) {
  const Outcome outcome = call(echo, "", {{"token-bin", "?!"}});
  EXPECT_EQ(outcome.status(), "3");
  EXPECT_THAT(outcome.message(), HasSubstr("token-bin"));
}

TEST_F(UnaryTest, MetadataOfTheAnswerIsSentEncoded) {
  call("/test.Service/Hold", "");
  Metadata initial;
  initial.add("a", "1");
  initial.add("b-bin", std::string_view("\0\1", 2));
  initial.add("grpc-status", "0");  // the protocol's own
  initial.add("bad value", "x");    // no name
  initial.add("c", "line\nbreak");  // no value
  Metadata trailing;
  trailing.add("d", "4");
  service.held[0].set_initial_metadata(std::move(initial));
  service.held[0].set_trailing_metadata(std::move(trailing));
  session.turn([&] { service.held[0].finish("done"); });
  const Outcome outcome = session.outcome(1);
  EXPECT_EQ(outcome.initial_header("a"), "1");
  EXPECT_EQ(outcome.initial_header("b-bin"), "AAE");
  EXPECT_EQ(outcome.initial_header("c"), "");
  EXPECT_EQ(outcome.initial_header("grpc-status"), "");
  EXPECT_EQ(outcome.trailer("d"), "4");
  EXPECT_EQ(outcome.status(), "0");
}

TEST_F(UnaryTest, AFailureCarriesCodeMessageAndDetails) {
  call("/test.Service/Hold", "");
  session.turn([&] { service.held[0].fail(Status{5, "no such thing: 100% \xc3\xa9", std::string("\0\1", 2)}); });
  const Outcome outcome = session.outcome(1);
  EXPECT_EQ(outcome.status(), "5");
  EXPECT_EQ(outcome.message(), "no such thing: 100%25 %C3%A9");
  EXPECT_EQ(outcome.trailer("grpc-status-details-bin"), "AAE");
  EXPECT_TRUE(outcome.messages.empty());
}

TEST_F(UnaryTest, AFailureMayCarryInitialMetadataToo) {
  call("/test.Service/Hold", "");
  Metadata initial;
  initial.add("a", "1");
  service.held[0].set_initial_metadata(std::move(initial));
  session.turn([&] { service.held[0].fail(Status::error(base::Code::aborted, "lost")); });
  EXPECT_EQ(session.outcome(1).initial_header("a"), "1");
  EXPECT_EQ(session.outcome(1).status(), "10");
}

TEST_F(UnaryTest, AMessageOverTheLimitIsRefusedBeforeItArrives) {
  next_stream();
  session.receive(session.client().headers(1, ClientFrames::grpc_headers(echo), false) +
                  ClientFrames::data(1, grpc_message(std::string(1001, 'x')).substr(0, 5), false));
  const Outcome outcome = session.outcome(1);
  EXPECT_EQ(outcome.status(), "8");
  EXPECT_THAT(outcome.message(), AllOf(HasSubstr("1001"), HasSubstr("1000")));
  EXPECT_EQ(outcome.reset, NGHTTP2_NO_ERROR);
  EXPECT_EQ(call(echo, std::string(1000, 'x')).status(), "0");
}

TEST_F(UnaryTest, CompressedRequestsAreReadAndBombsRefused) {
  std::string compressed;
  append_gzip(compressed, "hello");
  HeaderList headers = ClientFrames::grpc_headers(echo, {{"grpc-encoding", "gzip"}});
  EXPECT_THAT(send(headers, grpc_message(compressed, true)).messages, ElementsAre("hello"));
  std::string bomb;
  append_gzip(bomb, std::string(100'000, '\0'));
  const Outcome refused = send(headers, grpc_message(bomb, true));
  EXPECT_EQ(refused.status(), "8");
  EXPECT_THAT(refused.message(), HasSubstr("1000"));
}

TEST_F(UnaryTest, AnUnknownCompressionIsAnsweredWithTheKnownOnes) {
  const Outcome outcome = call(echo, "", {{"grpc-encoding", "snappy"}});
  EXPECT_EQ(outcome.status(), "12");
  EXPECT_THAT(outcome.message(), HasSubstr("snappy"));
  EXPECT_EQ(outcome.trailer("grpc-accept-encoding"), "identity,gzip");
}

TEST_F(UnaryTest, AnAnswerIsCompressedOnlyForThoseWhoAcceptIt) {
  const Outcome plain = call("/test.Service/Gzip", "hello");
  EXPECT_THAT(plain.messages, ElementsAre("hello"));
  EXPECT_THAT(plain.compressed, ElementsAre(false));
  const Outcome compressed = call("/test.Service/Gzip", "hello", {{"grpc-accept-encoding", "identity,deflate,gzip"}});
  EXPECT_EQ(compressed.initial_header("grpc-encoding"), "gzip");
  EXPECT_THAT(compressed.compressed, ElementsAre(true));
  std::string message;
  ASSERT_TRUE(gunzip(message, compressed.messages.at(0), 1000));
  EXPECT_EQ(message, "hello");
  // Neither another client's wish nor an earlier call's counts.
  EXPECT_THAT(call("/test.Service/Gzip", "hello", {{"grpc-accept-encoding", "identity,deflate"}}).compressed,
              ElementsAre(false));
  EXPECT_THAT(call("/test.Service/Gzip", "hello").compressed, ElementsAre(false));
}

TEST_F(UnaryTest, HeadersOverTheLimitAreRefusedWithTheLimit) {
  const Outcome outcome = call(echo, "", {{"big", std::string(3000, 'x')}});
  EXPECT_EQ(outcome.status(), "8");
  EXPECT_THAT(outcome.message(), HasSubstr("2000"));
  HeaderList first = ClientFrames::grpc_headers(echo);
  first.emplace(first.begin() + 4, "big", std::string(3000, 'x'));
  EXPECT_EQ(send(first, grpc_message("")).status(), "8");
  EXPECT_EQ(call(echo, "still here").status(), "0");
}

TEST_F(UnaryTest, ARequestHasExactlyOneMessage) {
  EXPECT_EQ(send(ClientFrames::grpc_headers(echo), "").status(), "12");
  EXPECT_EQ(send(ClientFrames::grpc_headers(echo), grpc_message("a") + grpc_message("b")).status(), "12");
  EXPECT_EQ(send(ClientFrames::grpc_headers(echo), grpc_message("abc").substr(0, 6)).status(), "3");
}

TEST_F(UnaryTest, ADroppedCallIsAnsweredInternal) { EXPECT_EQ(call("/test.Service/Drop", "").status(), "13"); }

TEST_F(UnaryTest, AnExceptionOfAHandlerCostsItsCallAlone) {
  EXPECT_EQ(call("/test.Service/Throw", "").status(), "13");
  EXPECT_EQ(call(echo, "").status(), "0");
}

TEST_F(UnaryTest, AnswersComeFromOtherThreadsInAnyOrder) {
  for (int index = 0; index < 100; ++index) call("/test.Service/Hold", std::to_string(index));
  std::thread worker([&] {
    const AnswerBatch batch;
    for (int index = 99; index >= 0; --index) service.held[index].finish(std::to_string(index));
  });
  worker.join();
  session.turn();
  for (int index = 0; index < 100; ++index) {
    EXPECT_THAT(session.outcome(1 + 2 * index).messages, ElementsAre(std::to_string(index)));
  }
}

TEST_F(UnaryTest, ACancelledCallKnowsItAndItsLateAnswerIsDropped) {
  call("/test.Service/Hold", "");
  EXPECT_FALSE(service.held[0].cancelled());
  session.receive(ClientFrames::reset(1));
  EXPECT_TRUE(service.held[0].cancelled());
  session.forget_frames();
  session.turn([&] { service.held[0].finish("too late"); });
  EXPECT_TRUE(session.frames().empty());
}

TEST_F(UnaryTest, ACallOutlivesItsConnection) {
  call("/test.Service/Hold", "request", {{"user", "ann"}});
  session.close();
  EXPECT_TRUE(service.held[0].cancelled());
  EXPECT_EQ(service.held[0].request(), "request");
  EXPECT_EQ(service.held[0].metadata().get("user"), "ann");
  service.held[0].finish("to nobody");
}

TEST(UnaryCall, OutlivesItsServer) {
  Service service;
  {
    TestSession session(service.router());
    session.receive(ClientFrames::preface() + session.client().unary(1, "/test.Service/Hold", "request"));
    session.receive(session.client().unary(3, "/test.Service/Hold", "dropped"));
  }
  ASSERT_EQ(service.held.size(), 2U);
  EXPECT_TRUE(service.held[0].cancelled());
  EXPECT_EQ(service.held[0].method(), "/test.Service/Hold");
  service.held[0].finish("to nobody");
}

TEST_F(UnaryTest, RecycledCallsRememberNothing) {
  call(echo, std::string(900, 'x'), {{"user", "ann"}, {"grpc-timeout", "1H"}, {"grpc-accept-encoding", "gzip"}});
  call("/test.Service/Hold", "");
  EXPECT_EQ(service.held[0].request(), "");
  EXPECT_TRUE(service.held[0].metadata().empty());
  EXPECT_EQ(service.held[0].deadline(), no_deadline);
}

TEST_F(UnaryTest, OnlyTheCallThatFailsForGoodTellsItsClientNotToRetry) {
  call("/test.Service/Hold", "");
  session.turn([&] { service.held[0].fail(base::Error{base::Code::resource_exhausted, "a limit", true}); });
  EXPECT_EQ(session.outcome(1).trailer("grpc-retry-pushback-ms"), "-1");
  const Outcome next = call(echo, "hello");
  EXPECT_EQ(next.status(), "0");
  EXPECT_EQ(next.trailer("grpc-retry-pushback-ms"), "");
}

}  // namespace
}  // namespace thalo::net::testing
