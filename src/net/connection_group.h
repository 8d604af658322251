// The connections of one loop.
#pragma once

#include <asio/ip/tcp.hpp>
#include <atomic>
#include <functional>
#include <memory>
#include <unordered_map>

#include "net/connection.h"
#include "net/loop.h"

namespace thalo::net {

class ConnectionGroup final : private ConnectionOwner {
 public:
  // `on_empty` is called on the loop's thread whenever the last connection has closed.
  ConnectionGroup(std::shared_ptr<Loop> loop, std::function<void()> on_empty)
      : loop_(std::move(loop)), on_empty_(std::move(on_empty)) {}

  Loop& loop() { return *loop_; }

  // Any thread. A connection counts from `expect` on.
  std::size_t connection_count() const { return connection_count_.load(std::memory_order_acquire); }
  std::uint64_t call_count() const { return call_count_.load(std::memory_order_relaxed); }
  void expect() { connection_count_.fetch_add(1, std::memory_order_acq_rel); }

  // Loop thread.
  void add(asio::ip::tcp::socket socket, std::string peer);
  void drain();
  // Returns how many calls were cut off.
  std::size_t cancel(const Status& status);
  void close();

 private:
  void on_call_started() override {
    call_count_.store(call_count_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  void on_closed(Connection& connection) override;
  void uncount();

  const std::shared_ptr<Loop> loop_;
  const std::function<void()> on_empty_;
  std::atomic<std::size_t> connection_count_ = 0;
  std::atomic<std::uint64_t> call_count_ = 0;
  std::unordered_map<Connection*, std::shared_ptr<Connection>> connections_;
  bool draining_ = false;
};

}  // namespace thalo::net
