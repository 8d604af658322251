#include "net/listen_address.h"

#include <algorithm>
#include <asio/ip/v6_only.hpp>
#include <charconv>
#include <optional>

namespace thalo::net {

namespace {

using asio::ip::tcp;
using base::Code;

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

std::unexpected<base::Error> bad_address(std::string_view text, const std::string& fault) {
  return base::fail(Code::invalid_argument, "the listen address \"" + std::string(text) + "\" " + fault +
                                                "; write HOST:PORT, such as 127.0.0.1:4433 or [::1]:4433");
}

}  // namespace

base::Result<std::vector<tcp::endpoint>> resolve_listen_address(asio::io_context& context, std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return bad_address(text, "has no port or no host");
  const auto port = parse_port(text.substr(colon + 1));
  if (!port) return bad_address(text, "has no port between 0 and 65535");
  std::string host(text.substr(0, colon));
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string::npos) {
    return bad_address(text, "is an IPv6 address without brackets");
  }
  asio::error_code error;
  const auto address = asio::ip::make_address(host, error);
  if (!error) return std::vector{tcp::endpoint(address, *port)};
  tcp::resolver resolver(context);
  const auto found = resolver.resolve(host, std::to_string(*port), tcp::resolver::passive, error);
  if (error) return bad_address(text, "has a host that cannot be resolved (" + error.message() + ")");
  std::vector<tcp::endpoint> endpoints;
  for (const auto& entry : found) {
    if (std::ranges::find(endpoints, entry.endpoint()) == endpoints.end()) endpoints.push_back(entry.endpoint());
  }
  return endpoints;
}

std::string to_text(const tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  const std::string port = std::to_string(endpoint.port());
  return endpoint.address().is_v6() ? "[" + address + "]:" + port : address + ":" + port;
}

base::Result<tcp::acceptor> listen_on(asio::io_context& context, const tcp::endpoint& endpoint) {
  tcp::acceptor acceptor(context);
  asio::error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error && endpoint.address().is_v6()) acceptor.set_option(asio::ip::v6_only(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (!error) acceptor.non_blocking(true, error);
  if (!error) return acceptor;
  const std::string where = "cannot listen on " + to_text(endpoint) + ": ";
  if (error == asio::error::address_in_use) {
    return base::fail(Code::unavailable,
                      where + "the address is in use; stop the server that has it, or choose another address");
  }
  if (error == asio::error::access_denied) {
    return base::fail(Code::permission_denied,
                      where + error.message() + "; choose a port from 1024 up, or run with the right to lower ones");
  }
  return base::fail(Code::unavailable, where + error.message() + "; choose an address of this machine");
}

}  // namespace thalo::net
