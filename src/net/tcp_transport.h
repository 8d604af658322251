// A TCP socket as a Transport.
#pragma once

#include <asio/ip/tcp.hpp>
#include <memory>
#include <vector>

#include "net/loop.h"
#include "net/transport.h"

namespace thalo::net {

class TcpTransport final : public Transport {
 public:
  // The socket belongs to the loop's context.
  TcpTransport(Loop& loop, asio::ip::tcp::socket socket);

  Moved read(char* out, std::size_t size_bytes_max) override;
  Moved write(std::span<const std::string_view> parts) override;
  void wait_readable(std::shared_ptr<TransportEvents> events) override;
  void wait_writable(std::shared_ptr<TransportEvents> events) override;
  void shut_down() override;
  void close() override;

 private:
  Loop& loop_;
  asio::ip::tcp::socket socket_;
  std::vector<asio::const_buffer> buffers_;  // of one write
};

}  // namespace thalo::net
