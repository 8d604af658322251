// The client against the real server.
#include "net/client_connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "net/server.h"

namespace thalo::net::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* echo = "/test.Service/Echo";
constexpr const char* echo_stream = "/test.Service/EchoStream";
constexpr const char* refuse = "/test.Service/Refuse";
constexpr const char* never = "/test.Service/Never";

class EchoHandler final : public StreamHandler {
 public:
  explicit EchoHandler(Stream stream) : stream_(std::move(stream)) {}
  void on_message(std::string_view message) override {
    if (!stream_.write(message)) stream_.finish(Status::error(base::Code::internal, "full"));
  }
  void on_half_close() override { stream_.finish(Status::ok()); }

 private:
  Stream stream_;
};

class RecordedCall final : public ClientCall {
 public:
  void on_message(std::string_view message) override { messages.emplace_back(message); }
  void on_end(const Status& status) override {
    ended = status;
    ++ends;
    if (again) again();
  }

  std::vector<std::string> messages;
  std::optional<Status> ended;
  int ends = 0;
  std::function<void()> again;
};

class ClientConnectionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Router router;
    router.unary(echo, [](UnaryCall call) { call.finish(std::string(call.request())); });
    router.unary(refuse,
                 [](UnaryCall call) { call.fail(Status::error(base::Code::resource_exhausted, "full: 100 %\n")); });
    router.streaming(echo_stream, [](Stream stream) { return std::make_unique<EchoHandler>(std::move(stream)); });
    router.unary(never, [this](UnaryCall call) { held_.push_back(std::move(call)); });
    ServerOptions options;
    options.addresses = {"127.0.0.1:0"};
    auto started = Server::start(std::move(options), std::move(router));
    ASSERT_TRUE(started) << started.error().message;
    server_ = std::move(*started);
    auto connected = ClientConnection::connect(server_->addresses().front(), 10s);
    ASSERT_TRUE(connected) << connected.error().message;
    client_ = std::move(*connected);
  }
  void TearDown() override {
    client_.reset();
    server_.reset();
    held_.clear();
  }

  // Works until `done`; a test that waits in vain is ended by the test runner.
  void work_until(const std::function<bool()>& done) {
    while (!done() && !client_->lost()) {
      if (!client_->write()) return;
      pollfd entry{client_->descriptor(), static_cast<short>(POLLIN | (client_->write_waits() ? POLLOUT : 0)), 0};
      ::poll(&entry, 1, 100);
      if (!client_->read()) return;
    }
  }

  std::unique_ptr<Server> server_;
  std::unique_ptr<ClientConnection> client_;
  std::vector<UnaryCall> held_;
};

TEST_F(ClientConnectionTest, ManyCallsAtOnceGetEachItsOwnAnswer) {
  std::vector<RecordedCall> calls(3000);  // more than the server takes at once
  for (std::size_t index = 0; index < calls.size(); ++index) client_->start(calls[index], echo, std::to_string(index));
  work_until(
      [&] { return std::ranges::all_of(calls, [](const RecordedCall& call) { return call.ended.has_value(); }); });
  for (std::size_t index = 0; index < calls.size(); ++index) {
    EXPECT_THAT(calls[index].messages, ElementsAre(std::to_string(index)));
    EXPECT_TRUE(calls[index].ended->is_ok());
  }
}

TEST_F(ClientConnectionTest, ACallIsStartedAnewFromItsEnd) {
  RecordedCall call;
  call.again = [&] {
    if (call.ends < 1000) client_->start(call, echo, "again");
  };
  client_->start(call, echo, "first");
  work_until([&] { return call.ends == 1000; });
  EXPECT_EQ(call.messages.size(), 1000u);
  EXPECT_FALSE(call.under_way());
}

TEST_F(ClientConnectionTest, AnErrorKeepsItsCodeAndItsMessage) {
  RecordedCall call;
  client_->start(call, refuse, {});
  work_until([&] { return call.ended.has_value(); });
  EXPECT_EQ(call.ended->code, static_cast<std::uint32_t>(base::Code::resource_exhausted));
  EXPECT_EQ(call.ended->message, "full: 100 %\n");
}

TEST_F(ClientConnectionTest, AStreamOfManyMessagesComesBackWhole) {
  RecordedCall call;
  client_->open(call, echo_stream);
  std::vector<std::string> sent;
  for (std::size_t index = 0; index < 200; ++index) {
    sent.push_back(std::string(index * 300, static_cast<char>('a' + index % 26)));
    client_->send(call, sent.back());
    // As its user must: no more is sent than the other side is known to have taken.
    work_until([&] { return call.messages.size() == sent.size(); });
  }
  client_->half_close(call);
  work_until([&] { return call.ended.has_value(); });
  EXPECT_EQ(call.messages, sent);
  EXPECT_TRUE(call.ended->is_ok());
}

TEST_F(ClientConnectionTest, ACancelledCallEndsSoAndAForgottenOneIsSilent) {
  RecordedCall cancelled;
  auto forgotten = std::make_unique<RecordedCall>();
  client_->start(cancelled, never, {});
  client_->start(*forgotten, never, {});
  work_until([&] { return server_->call_count() == 2; });
  client_->forget(*forgotten);
  forgotten.reset();
  client_->cancel(cancelled);
  work_until([&] { return cancelled.ended.has_value(); });
  EXPECT_EQ(cancelled.ended->code, static_cast<std::uint32_t>(base::Code::cancelled));
  RecordedCall never_sent;
  client_->start(never_sent, never, {});
  client_->cancel(never_sent);
  work_until([&] { return never_sent.ended.has_value(); });
  EXPECT_EQ(never_sent.ended->code, static_cast<std::uint32_t>(base::Code::cancelled)) << never_sent.ended->message;
  EXPECT_FALSE(client_->lost());
  RecordedCall next;
  client_->start(next, echo, "still works");
  work_until([&] { return next.ended.has_value(); });
  EXPECT_THAT(next.messages, ElementsAre("still works"));
}

TEST_F(ClientConnectionTest, WhenTheServerGoesEveryCallHearsItOnceAndNoneCanBeStarted) {
  RecordedCall call;
  call.again = [&] {
    if (call.ends < 2) client_->start(call, never, {});  // must not go on for ever
  };
  client_->start(call, never, {});
  work_until([&] { return server_->call_count() == 1; });
  std::thread stopping([this] { server_.reset(); });
  work_until([&] { return call.ends == 2; });
  stopping.join();
  EXPECT_TRUE(client_->lost());
  EXPECT_EQ(call.ends, 2);
  EXPECT_EQ(call.ended->code, static_cast<std::uint32_t>(base::Code::unavailable));
}

TEST(ClientConnection, WhereNobodyOrSomethingElseListensItSaysSo) {
  const auto nobody = ClientConnection::connect("127.0.0.1:1", 5s);
  ASSERT_FALSE(nobody);
  EXPECT_THAT(nobody.error().message, HasSubstr("is a server running there?"));
  EXPECT_EQ(ClientConnection::connect("nowhere", 5s).error().code, base::Code::invalid_argument);
  EXPECT_EQ(ClientConnection::connect(":4433", 5s).error().code, base::Code::invalid_argument);
}

}  // namespace
}  // namespace thalo::net::testing
