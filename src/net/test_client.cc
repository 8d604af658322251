#include "net/test_client.h"

#include <array>
#include <asio/buffer.hpp>
#include <asio/write.hpp>

namespace thalo::net::testing {

using asio::ip::tcp;

TestClient::TestClient(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  asio::error_code error;
  socket_.connect(
      tcp::endpoint(asio::ip::make_address(host), static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1)))),
      error);
  if (error) socket_.close(error);
}

bool TestClient::send(std::string_view bytes) {
  asio::error_code error;
  asio::write(socket_, asio::buffer(bytes), error);
  return !error;
}

bool TestClient::read_some() {
  std::array<char, 65536> buffer;
  asio::error_code error;
  const std::size_t size = socket_.read_some(asio::buffer(buffer), error);
  if (error) return false;
  server_.add(std::string_view(buffer.data(), size));
  while (auto frame = server_.next()) received_.push_back(std::move(*frame));
  return true;
}

bool TestClient::read_until(const std::function<bool()>& done) {
  while (!done()) {
    if (!read_some()) return false;
  }
  return true;
}

bool TestClient::read_answer(std::int32_t stream_id) {
  return read_until([&] {
    for (const Frame& frame : received_) {
      if (frame.stream_id == stream_id && (frame.ends_stream() || frame.type == NGHTTP2_RST_STREAM)) return true;
    }
    return false;
  });
}

void TestClient::read_to_end() {
  while (read_some()) {
  }
}

std::size_t TestClient::count(std::uint8_t type, std::uint8_t flags) const {
  std::size_t number = 0;
  for (const Frame& frame : received_) number += frame.type == type && frame.flags == flags ? 1 : 0;
  return number;
}

Outcome TestClient::call(std::int32_t stream_id, std::string_view path, std::string_view message,
                         const HeaderList& more) {
  send(frames_.unary(stream_id, path, message, more));
  read_answer(stream_id);
  return outcome(stream_id);
}

}  // namespace thalo::net::testing
