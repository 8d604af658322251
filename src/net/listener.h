// One listen address: accepts clients and gives each to the loop with the fewest. Its own loop's thread, once started.
#pragma once

#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <string>

#include "net/connection_group.h"

namespace thalo::net {

class Listener {
 public:
  // Chooses the group of the next client.
  using ChooseGroup = std::function<ConnectionGroup&()>;
  Listener(asio::ip::tcp::acceptor acceptor, std::size_t connections_max, ChooseGroup choose_group,
           std::function<std::size_t()> connection_count);

  std::string address() const;
  void start();
  void close();

 private:
  void accept();
  void on_accepted(const asio::error_code& error, asio::ip::tcp::socket socket, ConnectionGroup& group);
  void take(asio::ip::tcp::socket socket, ConnectionGroup& group);

  asio::ip::tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  const std::size_t connections_max_;
  const ChooseGroup choose_group_;
  const std::function<std::size_t()> connection_count_;
  bool full_ = false;
};

}  // namespace thalo::net
