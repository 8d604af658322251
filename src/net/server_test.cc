#include "net/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <thread>

#include "net/test_client.h"

namespace thalo::net::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* echo = "/test.Service/Echo";
constexpr const char* hold = "/test.Service/Hold";
constexpr const char* large = "/test.Service/Large";

ServerOptions listening(std::vector<std::string> addresses = {"127.0.0.1:0"}) {
  ServerOptions options;
  options.addresses = std::move(addresses);
  return options;
}

class ServerTest : public ::testing::Test {
 protected:
  void start(ServerOptions options = listening()) {
    Router router;
    router.unary(echo, [](UnaryCall call) { call.finish(std::string(call.request())); });
    router.unary(large, [](UnaryCall call) { call.finish(std::string(1 << 20, 'x')); });
    router.unary(hold, [this](UnaryCall call) {
      const std::lock_guard lock(mutex);
      held.push_back(std::move(call));
      changed.notify_all();
    });
    auto started = Server::start(std::move(options), std::move(router));
    ASSERT_TRUE(started) << started.error().message;
    server = std::move(*started);
    address = server->addresses().front();
  }
  UnaryCall wait_for_held() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return !held.empty(); });
    UnaryCall call = std::move(held.back());
    held.pop_back();
    return call;
  }
  // The server notices things in its own time; a test that waits in vain is ended by the test runner.
  static void wait_until(const std::function<bool()>& done) {
    while (!done()) std::this_thread::yield();
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<UnaryCall> held;
  std::unique_ptr<Server> server;
  std::string address;
};

TEST_F(ServerTest, ServesOnEveryAddressAndNamesTheRealPorts) {
  start(listening({"127.0.0.1:0", "[::1]:0", "localhost:0"}));
  ASSERT_GE(server->addresses().size(), 3U);
  EXPECT_THAT(server->addresses()[1], AllOf(HasSubstr("[::1]:"), ::testing::Not(HasSubstr(":0"))));
  for (const std::string& each : server->addresses()) {
    TestClient client(each);
    client.greet();
    EXPECT_THAT(client.call(1, echo, each).messages, ElementsAre(each));
  }
  EXPECT_EQ(server->call_count(), server->addresses().size());
}

TEST_F(ServerTest, AnAddressInUseIsNamed) {
  start();
  const auto second = Server::start(listening({address}), Router());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, base::Code::unavailable);
  EXPECT_THAT(second.error().message, AllOf(HasSubstr(address), HasSubstr("in use")));
}

TEST(Server, AddressesThatAreNoneAreNamedWithWhatToWrite) {
  for (const char* text :
       {"4433", "localhost", ":4433", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "::1:80", "256.0.0.1:80"}) {
    const auto server = Server::start(listening({text}), Router());
    ASSERT_FALSE(server) << text;
    EXPECT_EQ(server.error().code, base::Code::invalid_argument) << text;
    EXPECT_THAT(server.error().message, AllOf(HasSubstr(text), HasSubstr("127.0.0.1:4433")));
  }
  EXPECT_EQ(Server::start(listening({}), Router()).error().code, base::Code::invalid_argument);
  EXPECT_EQ(Server::start(listening({"192.0.2.1:80"}), Router()).error().code, base::Code::unavailable);
}

TEST_F(ServerTest, TheServerItselfAnswersWhenTheDeadlinePasses) {
  start();
  TestClient client(address);
  client.greet();
  const Outcome outcome = client.call(1, hold, "", {{"grpc-timeout", "20m"}});
  EXPECT_EQ(outcome.status(), "4");
  UnaryCall call = wait_for_held();
  EXPECT_TRUE(call.cancelled());
  EXPECT_LE(call.deadline(), std::chrono::steady_clock::now());
  call.finish("too late");
  EXPECT_EQ(client.call(3, echo, "").status(), "0");
}

TEST_F(ServerTest, AnAnswerOfAnotherThreadWakesASleepingServer) {
  ServerOptions options = listening();
  options.keepalive_interval = 0ms;  // nothing else wakes it
  start(std::move(options));
  TestClient client(address);
  client.greet();
  for (std::int32_t stream = 1; stream < 20; stream += 2) {
    client.send(client.frames().unary(stream, hold, ""));
    UnaryCall call = wait_for_held();
    {
      std::optional<AnswerBatch> batch;
      if (stream % 4 == 1) batch.emplace();
      call.finish("done");
    }
    ASSERT_TRUE(client.read_answer(stream));
    EXPECT_EQ(client.outcome(stream).status(), "0");
  }
}

TEST_F(ServerTest, ACallKnowsThatItsClientHasGone) {
  start();
  {
    TestClient client(address);
    client.greet();
    client.send(client.frames().unary(1, hold, ""));
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return !held.empty(); });
  }
  const UnaryCall call = wait_for_held();
  wait_until([&] { return call.cancelled(); });
  wait_until([&] { return server->connection_count() == 0; });
}

TEST_F(ServerTest, DrainingLetsCallsFinishAndTakesNoNewClients) {
  start();
  TestClient client(address);
  client.greet();
  client.send(client.frames().unary(1, hold, ""));
  UnaryCall call = wait_for_held();
  std::thread drainer([&] { EXPECT_TRUE(server->drain(no_deadline)); });
  EXPECT_TRUE(client.read_until([&] { return client.count(NGHTTP2_GOAWAY) > 0; }));
  EXPECT_FALSE(TestClient(address).connected());
  call.finish("done");
  EXPECT_TRUE(client.read_answer(1));
  EXPECT_EQ(client.outcome(1).status(), "0");
  client.read_to_end();
  drainer.join();
  EXPECT_EQ(server->connection_count(), 0U);
}

TEST_F(ServerTest, DrainingEndsAtItsDeadlineWithAnAnswer) {
  start();
  TestClient client(address);
  client.greet();
  client.send(client.frames().unary(1, hold, ""));
  UnaryCall call = wait_for_held();
  std::thread reader([&] { client.read_to_end(); });
  EXPECT_FALSE(server->drain(std::chrono::steady_clock::now() + 10ms));
  reader.join();
  EXPECT_EQ(client.outcome(1).status(), "14");
  EXPECT_THAT(client.outcome(1).message(), HasSubstr("shutting down"));
  EXPECT_TRUE(call.cancelled());
}

TEST_F(ServerTest, AnIdleServerDrainsAtOnceAndTwice) {
  start();
  EXPECT_TRUE(server->drain(no_deadline));
  EXPECT_TRUE(server->drain(no_deadline));
}

TEST_F(ServerTest, ACallMayBeAnsweredWhenItsServerIsGone) {
  start();
  TestClient client(address);
  client.greet();
  client.send(client.frames().unary(1, hold, "request"));
  UnaryCall call = wait_for_held();
  server.reset();
  EXPECT_TRUE(call.cancelled());
  EXPECT_EQ(call.request(), "request");
  call.finish("to nobody");
}

TEST_F(ServerTest, AClientThatTakesNothingIsClosedAndHarmsNobody) {
  ServerOptions options = listening();
  options.write_stall_timeout = 100ms;
  options.connection_send_bytes_max = 8 << 20;
  start(std::move(options));
  TestClient rude(address);
  rude.send(ClientFrames::preface() + ClientFrames::settings({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0x7fffffff}}) +
            ClientFrames::window_update(0, 0x7fff0000));
  std::string requests;
  for (std::int32_t stream = 1; stream < 400; stream += 2) requests += rude.frames().unary(stream, large, "");
  rude.send(requests);
  TestClient polite(address);
  polite.greet();
  EXPECT_EQ(polite.call(1, echo, "").status(), "0");
  wait_until([&] { return server->connection_count() == 1; });
  EXPECT_EQ(polite.call(3, echo, "").status(), "0");
}

TEST_F(ServerTest, AClientThatSaysNothingOrHalfAPrefaceIsClosed) {
  ServerOptions options = listening();
  options.handshake_timeout = 20ms;
  start(std::move(options));
  TestClient silent(address);
  silent.read_to_end();
  TestClient half(address);
  half.send(ClientFrames::preface().substr(0, 20));
  half.read_to_end();
  wait_until([&] { return server->connection_count() == 0; });
}

TEST_F(ServerTest, WhatIsNotHttp2IsClosed) {
  start();
  TestClient browser(address);
  browser.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  browser.read_to_end();
  EXPECT_GT(browser.count(NGHTTP2_GOAWAY), 0U);
}

TEST_F(ServerTest, ASilentClientThatDoesNotAnswerPingsIsClosed) {
  ServerOptions options = listening();
  options.keepalive_interval = 20ms;
  options.keepalive_timeout = 20ms;
  start(std::move(options));
  TestClient dead(address);
  dead.greet();
  dead.read_to_end();
  EXPECT_GT(dead.count(NGHTTP2_PING), 0U);
  wait_until([&] { return server->connection_count() == 0; });
}

TEST_F(ServerTest, ASilentClientThatAnswersPingsIsKept) {
  ServerOptions options = listening();
  options.keepalive_interval = 20ms;
  options.keepalive_timeout = 1h;
  start(std::move(options));
  TestClient alive(address);
  alive.greet();
  for (std::size_t pings = 1; pings <= 3; ++pings) {
    ASSERT_TRUE(alive.read_until([&] { return alive.count(NGHTTP2_PING) >= pings; }));
    alive.send(ClientFrames::ping(std::string(8, '\0'), true));
  }
  EXPECT_EQ(alive.call(1, echo, "").status(), "0");
}

TEST_F(ServerTest, AnIdleConnectionIsEndedPolitely) {
  ServerOptions options = listening();
  options.idle_timeout = 20ms;
  start(std::move(options));
  TestClient client(address);
  // At once, so that the server does not take it for idle before its call.
  client.send(ClientFrames::preface() + client.frames().unary(1, echo, ""));
  client.read_to_end();
  EXPECT_EQ(client.outcome(1).status(), "0");
  EXPECT_GT(client.count(NGHTTP2_GOAWAY), 0U);
}

TEST_F(ServerTest, ConnectionsBeyondTheLimitAreClosedAtOnce) {
  ServerOptions options = listening();
  options.connections_max = 1;
  start(std::move(options));
  TestClient first(address);
  first.greet();
  EXPECT_EQ(first.call(1, echo, "").status(), "0");
  TestClient second(address);
  second.greet();
  second.read_to_end();
  EXPECT_EQ(second.received().size(), 0U);
  EXPECT_EQ(first.call(3, echo, "").status(), "0");
}

TEST(Server, ConnectionsAreSpreadOverTheThreads) {
  std::mutex mutex;
  std::set<std::thread::id> threads;
  Router router;
  router.unary(echo, [&](UnaryCall call) {
    const std::lock_guard lock(mutex);
    threads.insert(std::this_thread::get_id());
    call.finish({});
  });
  ServerOptions options = listening();
  options.threads = 3;
  auto server = Server::start(std::move(options), std::move(router));
  ASSERT_TRUE(server);
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int index = 0; index < 6; ++index) {
    clients.push_back(std::make_unique<TestClient>((*server)->addresses().front()));
    clients.back()->greet();
    EXPECT_EQ(clients.back()->call(1, echo, "").status(), "0");
  }
  EXPECT_EQ(threads.size(), 3U);
}

// Answers calls from several threads, some in batches, after a moment in a queue.
class Workers {
 public:
  Workers() {
    for (int index = 0; index < 3; ++index) threads_.emplace_back([this, index] { run(index); });
  }
  ~Workers() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }
  void add(UnaryCall call) {
    {
      const std::lock_guard lock(mutex_);
      calls_.push_back(std::move(call));
    }
    wake_.notify_one();
  }

 private:
  void run(int index) {
    std::vector<UnaryCall> mine;
    while (true) {
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return stopping_ || !calls_.empty(); });
        if (calls_.empty()) return;
        mine.swap(calls_);
      }
      std::optional<AnswerBatch> batch;
      if (index != 0) batch.emplace();
      for (UnaryCall& call : mine) {
        if (!call.cancelled()) call.finish(std::string(call.request()));
      }
      mine.clear();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<UnaryCall> calls_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

TEST(Server, ManyClientsThatResetAndLeaveDoNotDisturbThoseThatStay) {
  Workers workers;
  Router router;
  router.unary(echo, [&](UnaryCall call) { workers.add(std::move(call)); });
  ServerOptions options = listening();
  options.threads = 2;
  auto server = Server::start(std::move(options), std::move(router));
  ASSERT_TRUE(server);
  const std::string address = (*server)->addresses().front();
  std::atomic<int> wrong = 0;
  std::vector<std::thread> clients;
  clients.reserve(6);
  for (unsigned seed = 0; seed < 6; ++seed) {
    clients.emplace_back([&, seed] {
      std::mt19937 random(seed);
      for (int connection = 0; connection < 10; ++connection) {
        TestClient client(address);
        client.greet();
        for (std::int32_t stream = 1; stream < 100; stream += 2) {
          if (random() % 4 == 0) {
            client.send(client.frames().unary(stream, echo, "reset"));
            client.send(ClientFrames::reset(stream));
            continue;
          }
          const std::string message = std::to_string(random());
          const Outcome outcome = client.call(stream, echo, message);
          if (outcome.status() != "0" || outcome.messages != std::vector<std::string>{message}) ++wrong;
        }
        client.send(client.frames().unary(101, echo, "never read"));
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_TRUE((*server)->drain(no_deadline));
}

}  // namespace
}  // namespace thalo::net::testing
