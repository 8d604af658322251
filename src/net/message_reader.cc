#include "net/message_reader.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/clear_buffer.h"
#include "net/gzip.h"

namespace thalo::net {

void write_message_prefix(char* out, bool compressed, std::size_t size) {
  out[0] = compressed ? 1 : 0;
  out[1] = static_cast<char>(size >> 24);
  out[2] = static_cast<char>(size >> 16);
  out[3] = static_cast<char>(size >> 8);
  out[4] = static_cast<char>(size);
}

void MessageReader::reset(std::size_t message_bytes_max, bool gzip) {
  prefix_filled_ = 0;
  base::clear_buffer(body_);
  base::clear_buffer(decompressed_);
  message_bytes_max_ = message_bytes_max;
  gzip_ = gzip;
}

base::Result<> MessageReader::check_prefix() {
  const auto byte = [this](std::size_t index) {
    return static_cast<std::size_t>(static_cast<unsigned char>(prefix_[index]));
  };
  if (byte(0) > 1) {
    return base::fail(base::Code::internal,
                      "the flag byte before a message is " + std::to_string(byte(0)) + "; only 0 and 1 are defined");
  }
  compressed_ = byte(0) == 1;
  if (compressed_ && !gzip_) {
    return base::fail(base::Code::internal,
                      "a message is marked as compressed but the header grpc-encoding names no compression");
  }
  body_bytes_ = byte(1) << 24 | byte(2) << 16 | byte(3) << 8 | byte(4);
  if (body_bytes_ > message_bytes_max_) {
    return base::fail_for_good(base::Code::resource_exhausted,
                               "the message has " + std::to_string(body_bytes_) + " bytes; the server takes at most " +
                                   std::to_string(message_bytes_max_) + ", its --message-size-limit");
  }
  return {};
}

base::Result<std::string_view> MessageReader::decode(std::string_view body) {
  if (!compressed_) return body;
  if (auto done = gunzip(decompressed_, body, message_bytes_max_); !done) return std::unexpected(done.error());
  return std::string_view(decompressed_);
}

base::Result<std::size_t> MessageReader::read(std::string_view bytes, Visitor visit) {
  std::size_t taken = 0;
  if (bytes.empty()) return taken;
  while (true) {
    if (prefix_filled_ < prefix_.size()) {
      const std::size_t count = std::min(prefix_.size() - prefix_filled_, bytes.size() - taken);
      std::memcpy(prefix_.data() + prefix_filled_, bytes.data() + taken, count);
      prefix_filled_ += count;
      taken += count;
      if (prefix_filled_ < prefix_.size()) return taken;
      if (auto checked = check_prefix(); !checked) return std::unexpected(checked.error());
    }
    // A message that lies whole in `bytes` is shown where it lies.
    const std::string_view rest = bytes.substr(taken, body_bytes_ - body_.size());
    taken += rest.size();
    if (body_.size() + rest.size() < body_bytes_) {
      body_.append(rest);
      return taken;
    }
    const bool in_place = body_.empty();
    if (!in_place) body_.append(rest);
    auto message = decode(in_place ? rest : std::string_view(body_));
    if (!message) return std::unexpected(message.error());
    prefix_filled_ = 0;
    const bool go_on = visit(*message);
    base::clear_buffer(body_);
    base::clear_buffer(decompressed_);
    if (!go_on || taken == bytes.size()) return taken;
  }
}

}  // namespace thalo::net
