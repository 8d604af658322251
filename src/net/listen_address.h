// "host:port" to the addresses a server listens on.
#pragma once

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace thalo::net {

// Every address that `text` stands for: one for an IP address, perhaps several for a name. INVALID_ARGUMENT names the
// text and the fault.
base::Result<std::vector<asio::ip::tcp::endpoint>> resolve_listen_address(asio::io_context& context,
                                                                          std::string_view text);

// "127.0.0.1:4433", "[::1]:4433".
std::string to_text(const asio::ip::tcp::endpoint& endpoint);

// An acceptor that listens on `endpoint`. UNAVAILABLE (in use, or not of this machine) and PERMISSION_DENIED name it.
// IPv6 takes no IPv4 clients.
base::Result<asio::ip::tcp::acceptor> listen_on(asio::io_context& context, const asio::ip::tcp::endpoint& endpoint);

}  // namespace thalo::net
