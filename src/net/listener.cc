#include "net/listener.h"

#include <chrono>
#include <utility>

#include "base/log.h"
#include "net/listen_address.h"

namespace thalo::net {

namespace {
// After a failed accept (most likely no file descriptor is left) trying again at once would fail again.
constexpr auto accept_pause = std::chrono::milliseconds(100);
}  // namespace

Listener::Listener(asio::ip::tcp::acceptor acceptor, std::size_t connections_max, ChooseGroup choose_group,
                   std::function<std::size_t()> connection_count)
    : acceptor_(std::move(acceptor)),
      pause_(acceptor_.get_executor()),
      connections_max_(connections_max),
      choose_group_(std::move(choose_group)),
      connection_count_(std::move(connection_count)) {}

std::string Listener::address() const {
  asio::error_code ignored;
  return to_text(acceptor_.local_endpoint(ignored));
}

void Listener::start() { accept(); }

void Listener::close() {
  asio::error_code ignored;
  acceptor_.close(ignored);
  pause_.cancel();
}

void Listener::accept() {
  ConnectionGroup& group = choose_group_();
  acceptor_.async_accept(group.loop().context(),
                         [this, &group](const asio::error_code& error, asio::ip::tcp::socket socket) {
                           on_accepted(error, std::move(socket), group);
                         });
}

void Listener::on_accepted(const asio::error_code& error, asio::ip::tcp::socket socket, ConnectionGroup& group) {
  if (error == asio::error::operation_aborted || !acceptor_.is_open()) return;
  if (!error) {
    take(std::move(socket), group);
    return accept();
  }
  base::log::warn("cannot accept a connection; trying again", {{"address", address()}, {"error", error.message()}});
  pause_.expires_after(accept_pause);
  pause_.async_wait([this](const asio::error_code& stopped) {
    if (!stopped && acceptor_.is_open()) accept();
  });
}

void Listener::take(asio::ip::tcp::socket socket, ConnectionGroup& group) {
  if (connection_count_() >= connections_max_) {
    if (!std::exchange(full_, true)) {
      base::log::warn("refusing connections: there are as many as allowed", {{"connections", connections_max_}});
    }
    return;
  }
  full_ = false;
  asio::error_code gone;
  const auto endpoint = socket.remote_endpoint(gone);
  if (gone) return;
  group.expect();
  auto shared = std::make_shared<asio::ip::tcp::socket>(std::move(socket));
  group.loop().post([&group, shared, peer = to_text(endpoint)] { group.add(std::move(*shared), peer); });
}

}  // namespace thalo::net
