#include "net/tcp_transport.h"

#include <asio/buffer.hpp>
#include <utility>

namespace thalo::net {

namespace {

Transport::Moved moved(std::size_t bytes, const asio::error_code& error) {
  if (!error) return {Transport::State::ok, bytes};
  if (error == asio::error::would_block || error == asio::error::try_again) return {Transport::State::blocked, 0};
  return {Transport::State::closed, 0};
}

}  // namespace

TcpTransport::TcpTransport(Loop& loop, asio::ip::tcp::socket socket) : loop_(loop), socket_(std::move(socket)) {
  asio::error_code ignored;  // a socket that fails here fails again at its first use
  socket_.non_blocking(true, ignored);
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
}

Transport::Moved TcpTransport::read(char* out, std::size_t size_bytes_max) {
  asio::error_code error;
  const std::size_t bytes = socket_.read_some(asio::buffer(out, size_bytes_max), error);
  return moved(bytes, error);
}

Transport::Moved TcpTransport::write(std::span<const std::string_view> parts) {
  asio::error_code error;
  if (parts.size() == 1) {
    const std::size_t sent = socket_.write_some(asio::buffer(parts.front()), error);
    return moved(sent, error);
  }
  buffers_.clear();
  for (const std::string_view part : parts) buffers_.push_back(asio::buffer(part));
  const std::size_t written = socket_.write_some(buffers_, error);
  return moved(written, error);
}

void TcpTransport::wait_readable(std::shared_ptr<TransportEvents> events) {
  socket_.async_wait(asio::socket_base::wait_read, [this, events = std::move(events)](const asio::error_code& error) {
    if (error != asio::error::operation_aborted) loop_.turn([&] { events->on_readable(); });
  });
}

void TcpTransport::wait_writable(std::shared_ptr<TransportEvents> events) {
  socket_.async_wait(asio::socket_base::wait_write, [this, events = std::move(events)](const asio::error_code& error) {
    if (error != asio::error::operation_aborted) loop_.turn([&] { events->on_writable(); });
  });
}

void TcpTransport::shut_down() {
  asio::error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
}

void TcpTransport::close() {
  asio::error_code ignored;
  socket_.close(ignored);
}

}  // namespace thalo::net
