#include "net/server.h"

#include <algorithm>
#include <condition_variable>
#include <future>
#include <mutex>
#include <utility>

#include "net/connection_group.h"
#include "net/listen_address.h"
#include "net/listener.h"
#include "net/loop.h"

namespace thalo::net {

namespace {

constexpr auto last_words_time = std::chrono::seconds(2);

class LoopServer final : public Server {
 public:
  LoopServer(ServerOptions options, Router router)
      : options_(std::make_shared<const ServerOptions>(std::move(options))),
        router_(std::make_shared<const Router>(std::move(router))) {
    for (unsigned index = 0; index < std::max(1U, options_->threads); ++index) {
      auto loop = std::make_shared<Loop>(options_, router_);
      groups_.push_back(std::make_unique<ConnectionGroup>(std::move(loop), [this] { on_group_empty(); }));
    }
  }

  ~LoopServer() override {
    stop_accepting();
    for (auto& group : groups_) run_on(group->loop(), [&group] { group->close(); });
    for (auto& group : groups_) group->loop().stop();
  }

  base::Result<> listen() {
    for (const std::string& text : options_->addresses) {
      const auto endpoints = resolve_listen_address(first_loop().context(), text);
      if (!endpoints) return std::unexpected(endpoints.error());
      for (const auto& endpoint : *endpoints) {
        auto acceptor = listen_on(first_loop().context(), endpoint);
        if (!acceptor) return std::unexpected(acceptor.error());
        listeners_.push_back(std::make_unique<Listener>(
            std::move(*acceptor), options_->connections_max,
            [this]() -> ConnectionGroup& { return least_busy_group(); }, [this] { return connection_count(); }));
        addresses_.push_back(listeners_.back()->address());
      }
    }
    return {};
  }

  void run() {
    for (auto& listener : listeners_) listener->start();
    for (std::size_t index = 0; index < groups_.size(); ++index) groups_[index]->loop().start(index);
    running_ = true;
  }

  std::vector<std::string> addresses() const override { return addresses_; }

  void stop_accepting() override {
    run_on(first_loop(), [this] {
      for (auto& listener : listeners_) listener->close();
    });
  }

  bool drain(Deadline deadline) override {
    stop_accepting();
    for (auto& group : groups_) {
      group->loop().post([&group] { group->drain(); });
    }
    if (wait_until_empty(deadline)) return true;
    std::size_t cut_off = 0;
    for (auto& group : groups_) {
      run_on(group->loop(), [&] {
        cut_off += group->cancel(
            Status::error(base::Code::unavailable, "the server is shutting down; call another, or later"));
      });
    }
    wait_until_empty(std::chrono::steady_clock::now() + last_words_time);
    for (auto& group : groups_) run_on(group->loop(), [&group] { group->close(); });
    return cut_off == 0;
  }

  std::size_t connection_count() const override {
    std::size_t count = 0;
    for (const auto& group : groups_) count += group->connection_count();
    return count;
  }

  std::uint64_t call_count() const override {
    std::uint64_t count = 0;
    for (const auto& group : groups_) count += group->call_count();
    return count;
  }

 private:
  Loop& first_loop() { return groups_.front()->loop(); }

  ConnectionGroup& least_busy_group() {
    return **std::ranges::min_element(groups_, {}, [](const auto& group) { return group->connection_count(); });
  }

  // Runs `work` on the loop's thread and waits for it.
  void run_on(Loop& loop, const std::function<void()>& work) {
    if (!running_) return;
    std::promise<void> done;
    loop.post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }

  void on_group_empty() {
    std::lock_guard lock(mutex_);
    changed_.notify_all();
  }

  bool wait_until_empty(Deadline deadline) {
    std::unique_lock lock(mutex_);
    const auto empty = [this] { return connection_count() == 0; };
    if (deadline == no_deadline) {
      changed_.wait(lock, empty);
      return true;
    }
    return changed_.wait_until(lock, deadline, empty);
  }

  const std::shared_ptr<const ServerOptions> options_;
  const std::shared_ptr<const Router> router_;
  std::vector<std::unique_ptr<ConnectionGroup>> groups_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<std::string> addresses_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool running_ = false;
};

base::Result<> check(const ServerOptions& options) {
  const auto bad = [](const std::string& what) { return base::fail(base::Code::invalid_argument, what); };
  if (options.addresses.empty()) return bad("the server has no address to listen on; give at least one");
  if (options.streams_max == 0) return bad("streams_max is 0; a connection needs at least one call at a time");
  if (options.stream_receive_window_bytes == 0 || options.stream_receive_window_bytes > INT32_MAX) {
    return bad("stream_receive_window_bytes is " + std::to_string(options.stream_receive_window_bytes) +
               "; HTTP/2 allows 1 to 2147483647");
  }
  if (options.receive_message_bytes_max > UINT32_MAX) {
    return bad("receive_message_bytes_max is " + std::to_string(options.receive_message_bytes_max) +
               "; a gRPC message has at most 4294967295 bytes");
  }
  if (options.stream_send_low_water_bytes >= options.stream_send_high_water_bytes) {
    return bad(
        "stream_send_low_water_bytes is not below stream_send_high_water_bytes; a writer would never be told to go on");
  }
  return {};
}

}  // namespace

base::Result<std::unique_ptr<Server>> Server::start(ServerOptions options, Router router) {
  if (auto checked = check(options); !checked) return std::unexpected(checked.error());
  auto server = std::make_unique<LoopServer>(std::move(options), std::move(router));
  if (auto listening = server->listen(); !listening) return std::unexpected(listening.error());
  server->run();
  return server;
}

}  // namespace thalo::net
