// For tests: writes HTTP/2 frames as a client would, or as no client should, and reads the server's.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace thalo::net::testing {

using HeaderList = std::vector<std::pair<std::string, std::string>>;

struct Frame {
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::int32_t stream_id = 0;
  std::string payload;
  HeaderList headers;  // of HEADERS

  bool ends_stream() const { return (flags & NGHTTP2_FLAG_END_STREAM) != 0; }
  std::string header(std::string_view name) const;  // empty when there is none
};

// A frame from its parts, whatever they are.
std::string raw_frame(std::uint8_t type, std::uint8_t flags, std::int32_t stream_id, std::string_view payload);

std::string big_endian_32(std::uint32_t value);

// A gRPC message: flag, length, bytes.
std::string grpc_message(std::string_view bytes, bool compressed = false);

// Stateless but for the compression of headers.
class ClientFrames {
 public:
  ClientFrames();
  ~ClientFrames();
  ClientFrames(const ClientFrames&) = delete;
  ClientFrames& operator=(const ClientFrames&) = delete;

  static std::string preface();  // with empty SETTINGS
  static std::string settings(const std::vector<std::pair<std::uint16_t, std::uint32_t>>& entries);
  static std::string data(std::int32_t stream_id, std::string_view bytes, bool ends);
  static std::string reset(std::int32_t stream_id, std::uint32_t error_code = NGHTTP2_CANCEL);
  static std::string ping(std::string_view eight_bytes = "12345678", bool acknowledges = false);
  static std::string window_update(std::int32_t stream_id, std::uint32_t bytes);
  std::string headers(std::int32_t stream_id, const HeaderList& list, bool ends);
  std::string header_block(const HeaderList& list);

  // The headers of a gRPC request to `path`, and `more`.
  static HeaderList grpc_headers(std::string_view path, const HeaderList& more = {});
  // A whole unary request.
  std::string unary(std::int32_t stream_id, std::string_view path, std::string_view message,
                    const HeaderList& more = {});

 private:
  nghttp2_hd_deflater* deflater_ = nullptr;
};

class ServerFrames {
 public:
  ServerFrames();
  ~ServerFrames();
  ServerFrames(const ServerFrames&) = delete;
  ServerFrames& operator=(const ServerFrames&) = delete;

  void add(std::string_view bytes) { bytes_.append(bytes); }
  // The next whole frame.
  std::optional<Frame> next();

 private:
  void inflate(Frame& frame);
  std::string bytes_;
  nghttp2_hd_inflater* inflater_ = nullptr;
};

// What a call's frames amount to.
struct Outcome {
  HeaderList initial;
  std::vector<std::string> messages;  // without their prefixes
  std::vector<bool> compressed;
  HeaderList trailers;
  bool ended = false;
  std::optional<std::uint32_t> reset;

  std::string initial_header(std::string_view name) const;
  std::string trailer(std::string_view name) const;
  std::string status() const { return trailer("grpc-status"); }
  std::string message() const { return trailer("grpc-message"); }
};
Outcome outcome_of(const std::vector<Frame>& frames, std::int32_t stream_id);

}  // namespace thalo::net::testing
