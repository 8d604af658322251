// What tests of the command path share: a router over the real in-memory store and an engine without wasm.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "command/router.h"
#include "command/testing/fake_engine.h"
#include "store/append_and_wait.h"
#include "store/memory/memory_store.h"

namespace thalo::command::testing {

using Outcome = base::Result<ExecuteOutcome>;

class FutureCaller final : public Caller {
 public:
  explicit FutureCaller(std::promise<Outcome> promise, std::shared_ptr<std::atomic<bool>> gone = nullptr)
      : promise_(std::move(promise)), gone_(std::move(gone)) {}
  bool gone() const override { return gone_ != nullptr && gone_->load(); }
  void answer(Outcome outcome) override { promise_.set_value(std::move(outcome)); }

 private:
  std::promise<Outcome> promise_;
  std::shared_ptr<std::atomic<bool>> gone_;
};

// Holds its shard up until it is told to go on.
class HoldingCaller final : public Caller {
 public:
  HoldingCaller(std::promise<void>& held, std::future<void> go) : held_(held), go_(std::move(go)) {}
  bool gone() const override {
    held_.set_value();
    go_.wait();
    return true;
  }
  void answer(Outcome) override {}

 private:
  std::promise<void>& held_;
  std::future<void> go_;
};

class CommandTest : public ::testing::Test {
 protected:
  CommandTest() {
    options_.shards = 2;
    options_.shard.replay_slice_events = 10;
    catalog_.publish("counter", module_);
  }
  ~CommandTest() override {
    if (router_) router_->stop();
  }

  Router& router() {
    if (!router_) router_ = std::make_unique<Router>(options_, store_, catalog_, clock_);
    return *router_;
  }

  std::future<Outcome> send(ExecuteRequest request, std::shared_ptr<std::atomic<bool>> gone = nullptr) {
    std::promise<Outcome> promise;
    auto future = promise.get_future();
    router().execute(std::move(request), std::make_unique<FutureCaller>(std::move(promise), std::move(gone)));
    return future;
  }
  static ExecuteRequest request(std::string id, std::string name, std::string payload = "{}") {
    ExecuteRequest out;
    out.category = "counter";
    out.id = std::move(id);
    out.command = std::move(name);
    out.payload = std::move(payload);
    return out;
  }
  Outcome run(ExecuteRequest request) { return send(std::move(request)).get(); }
  Outcome run(std::string id, std::string name, std::string payload = "{}") {
    return run(request(std::move(id), std::move(name), std::move(payload)));
  }
  Outcome add(std::string id, int n) { return run(std::move(id), "Add", "{\"n\":" + std::to_string(n) + "}"); }

  std::vector<model::Event> stored(const std::string& id) {
    std::vector<model::Event> out;
    const std::string stream = "counter-" + id;
    EXPECT_TRUE(
        store_.read_stream({.stream = stream, .from = 0, .direction = store::Direction::forwards, .limit = UINT64_MAX},
                           [&](const model::EventView& event) {
                             out.push_back(model::Event::from(event));
                             return true;
                           }));
    return out;
  }

  RouterOptions options_;
  store::MemoryStore store_;
  Catalog catalog_;
  env::SystemClock clock_;
  std::shared_ptr<FakeModule> module_ = std::make_shared<FakeModule>();
  std::unique_ptr<Router> router_;
};

inline const model::Accepted& accepted(const Outcome& outcome) { return std::get<model::Accepted>(outcome.value()); }

}  // namespace thalo::command::testing
