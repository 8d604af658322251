// For tests: a client with a real socket and blocking calls, as polite or as rude as its test wants.
#pragma once

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "net/test_frames.h"

namespace thalo::net::testing {

class TestClient {
 public:
  // Connects to "host:port"; see connected().
  explicit TestClient(const std::string& address);

  bool connected() const { return socket_.is_open(); }
  ClientFrames& frames() { return frames_; }

  // False when the server has closed.
  bool send(std::string_view bytes);
  void greet() { send(ClientFrames::preface()); }

  // Reads until `done` is satisfied by what has come so far. False when the connection ends first.
  bool read_until(const std::function<bool()>& done);
  bool read_answer(std::int32_t stream_id);
  // Reads to the end of the connection.
  void read_to_end();
  const std::vector<Frame>& received() const { return received_; }
  Outcome outcome(std::int32_t stream_id) const { return outcome_of(received_, stream_id); }
  std::size_t count(std::uint8_t type, std::uint8_t flags = 0) const;

  // One unary call, waited for.
  Outcome call(std::int32_t stream_id, std::string_view path, std::string_view message, const HeaderList& more = {});

 private:
  bool read_some();
  asio::io_context context_;
  asio::ip::tcp::socket socket_{context_};
  ClientFrames frames_;
  ServerFrames server_;
  std::vector<Frame> received_;
};

}  // namespace thalo::net::testing
