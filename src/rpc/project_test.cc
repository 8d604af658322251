#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <thread>
#include <utility>

#include "env/clock.h"
#include "feed/feed.h"
#include "net/test_client.h"
#include "rpc/projections.h"
#include "store/append_and_wait.h"
#include "store/memory/memory_store.h"
#include "thalo/v1/projections.pb.h"

namespace thalo::rpc {
namespace {

using namespace std::chrono_literals;

// A feed whose join() has done everything and does not return yet, as when its thread loses its core.
class SlowToReturn final : public feed::Projections {
 public:
  explicit SlowToReturn(feed::Projections& real) : real_(real) {}
  void let_return() {
    may_return_.store(true);
    may_return_.notify_all();
  }

  base::Result<std::unique_ptr<feed::Membership>> join(feed::JoinRequest request,
                                                       std::shared_ptr<feed::Consumer> consumer) override {
    auto joined = real_.join(std::move(request), std::move(consumer));
    may_return_.wait(false);
    return joined;
  }
  void list(feed::Answer<std::vector<feed::ProjectionDescription>> answer) override { real_.list(std::move(answer)); }
  void get(const std::string& name, feed::Answer<feed::ProjectionDescription> answer) override {
    real_.get(name, std::move(answer));
  }
  void reset(const std::string& name, feed::Start to, feed::Answer<> answer) override {
    real_.reset(name, to, std::move(answer));
  }
  void pause(const std::string& name, feed::Answer<> answer) override { real_.pause(name, std::move(answer)); }
  void resume(const std::string& name, feed::Answer<> answer) override { real_.resume(name, std::move(answer)); }
  void remove(const std::string& name, feed::Answer<> answer) override { real_.remove(name, std::move(answer)); }
  void retry(const std::string& name, const std::string& stream, feed::Answer<std::uint64_t> answer) override {
    real_.retry(name, stream, std::move(answer));
  }
  void skip(const std::string& name, const std::string& stream, model::GlobalPosition position,
            feed::Answer<> answer) override {
    real_.skip(name, stream, position, std::move(answer));
  }
  void wait_for(const std::string& name, model::GlobalPosition position, std::chrono::steady_clock::time_point deadline,
                feed::Answer<Passed> answer, std::function<bool()> is_gone) override {
    real_.wait_for(name, position, deadline, std::move(answer), std::move(is_gone));
  }

 private:
  feed::Projections& real_;
  std::atomic<bool> may_return_ = false;
};

TEST(Project, AClientMayAcknowledgeAsSoonAsItIsSentSomething) {
  store::MemoryStore store;
  store::Append append{.stream = "x-1"};
  append.events.push_back({"A", "{}", ""});
  ASSERT_TRUE(store::append_and_wait(store, std::move(append)));
  const env::SystemClock clock;
  auto feed = feed::Feed::start(store, clock);
  ASSERT_TRUE(feed);
  SlowToReturn slow(**feed);
  env::Executor readers("read", 1, 16);
  net::Router methods;
  add_projections(methods, slow, store, readers);
  net::ServerOptions options;
  options.addresses = {"127.0.0.1:0"};
  auto server = net::Server::start(std::move(options), std::move(methods));
  ASSERT_TRUE(server) << server.error().message;

  // A test that fails ends too.
  const auto end = [](SlowToReturn* held) { held->let_return(); };
  const std::unique_ptr<SlowToReturn, decltype(end)> returns_at_last(&slow, end);

  net::testing::TestClient client((*server)->addresses().front());
  const auto send = [&](const v1::ProjectRequest& request, bool ends) {
    client.send(client.frames().data(1, net::testing::grpc_message(request.SerializeAsString()), ends));
  };
  client.greet();
  client.send(client.frames().headers(1, client.frames().grpc_headers("/thalo.v1.Projections/Project"), false));
  v1::ProjectRequest join;
  join.mutable_join()->set_name("p");
  send(join, false);
  v1::ProjectResponse batch;
  ASSERT_TRUE(client.read_until([&] {
    const auto messages = client.outcome(1).messages;
    return !messages.empty() && batch.ParseFromString(messages.back()) && batch.events_size() > 0;
  }));
  v1::ProjectRequest acknowledge;
  acknowledge.mutable_acknowledge()->set_batch(batch.batch());
  acknowledge.mutable_acknowledge()->set_global_position(batch.events(0).global_position());
  send(acknowledge, true);
  std::this_thread::sleep_for(200ms);  // it is heard meanwhile; were it not, this would prove less
  slow.let_return();
  ASSERT_TRUE(client.read_answer(1));
  ASSERT_EQ(client.outcome(1).status(), "0") << client.outcome(1).message();
  std::promise<base::Result<feed::Projections::Passed>> passed;
  (*feed)->wait_for("p", 0, std::chrono::steady_clock::now() + 60s,
                    [&](base::Result<feed::Projections::Passed> answer) { passed.set_value(std::move(answer)); });
  const auto answer = passed.get_future().get();
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->cursor, 1);

  (*server).reset();
  readers.stop();
  (*feed)->stop();
}

TEST(Project, AMemberThatAcknowledgesWithoutReadingIsSentAway) {
  constexpr model::GlobalPosition events = 60;  // of 1 MiB: more than may wait for a client
  store::MemoryStore store;
  for (model::GlobalPosition event = 0; event < events; ++event) {
    store::Append append{.stream = "x-1"};
    append.events.push_back({"A", '"' + std::string(1 << 20, 'x') + '"', ""});
    ASSERT_TRUE(store::append_and_wait(store, std::move(append)));
  }
  const env::SystemClock clock;
  auto feed = feed::Feed::start(store, clock);
  ASSERT_TRUE(feed);
  env::Executor readers("read", 1, 16);
  net::Router methods;
  add_projections(methods, **feed, store, readers);
  net::ServerOptions options;
  options.addresses = {"127.0.0.1:0"};
  auto server = net::Server::start(std::move(options), std::move(methods));
  ASSERT_TRUE(server) << server.error().message;

  net::testing::TestClient client((*server)->addresses().front());
  const auto send = [&](const v1::ProjectRequest& request) {
    client.send(client.frames().data(1, net::testing::grpc_message(request.SerializeAsString()), false));
  };
  client.greet();
  client.send(client.frames().headers(1, client.frames().grpc_headers("/thalo.v1.Projections/Project"), false));
  v1::ProjectRequest join;
  join.mutable_join()->set_name("p");
  send(join);
  ASSERT_TRUE(client.read_until([&] { return !client.outcome(1).messages.empty(); }));  // it has joined

  // The description says what was sent.
  const auto described = [&] {
    std::promise<base::Result<feed::ProjectionDescription>> description;
    (*feed)->get("p", [&](auto answer) { description.set_value(std::move(answer)); });
    return description.get_future().get().value();
  };
  auto projection = described();
  while (!projection.members.empty() && projection.cursor < events) {
    if (const auto sent = projection.cursor + projection.members[0].unacknowledged; sent > 0) {
      v1::ProjectRequest acknowledge;
      acknowledge.mutable_acknowledge()->set_global_position(sent - 1);
      send(acknowledge);
    }
    projection = described();
  }
  ASSERT_TRUE(projection.members.empty());
  EXPECT_LT(projection.cursor, events);
  client.send(client.frames().window_update(0, 1 << 30));
  client.send(client.frames().window_update(1, 1 << 30));
  ASSERT_TRUE(client.read_answer(1));
  EXPECT_EQ(client.outcome(1).status(), "8") << client.outcome(1).message();

  (*server).reset();
  readers.stop();
  (*feed)->stop();
}

}  // namespace
}  // namespace thalo::rpc
