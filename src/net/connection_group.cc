#include "net/connection_group.h"

#include <utility>
#include <vector>

#include "net/tcp_transport.h"

namespace thalo::net {

void ConnectionGroup::add(asio::ip::tcp::socket socket, std::string peer) {
  if (draining_) return uncount();  // the socket closes here
  ConnectionOwner& owner = *this;
  auto transport = std::make_unique<TcpTransport>(*loop_, std::move(socket));
  auto connection = std::make_shared<Connection>(*loop_, std::move(transport), std::move(peer), owner);
  connections_.emplace(connection.get(), connection);
  connection->start();
}

void ConnectionGroup::drain() {
  draining_ = true;
  for (auto& [key, connection] : connections_) connection->drain();
}

std::size_t ConnectionGroup::cancel(const Status& status) {
  draining_ = true;
  std::size_t calls = 0;
  for (auto& [key, connection] : connections_) {
    calls += connection->running_calls();
    connection->cancel(status);
  }
  return calls;
}

void ConnectionGroup::close() {
  draining_ = true;
  std::vector<std::shared_ptr<Connection>> all;
  all.reserve(connections_.size());
  for (auto& [key, connection] : connections_) all.push_back(connection);
  for (auto& connection : all) connection->close();
}

void ConnectionGroup::on_closed(Connection& connection) {
  connections_.erase(&connection);
  uncount();
}

void ConnectionGroup::uncount() {
  if (connection_count_.fetch_sub(1, std::memory_order_acq_rel) == 1) on_empty_();
}

}  // namespace thalo::net
