// Cuts a request's body into messages: a flag byte, four bytes of length, the message, again and again, however the
// bytes arrive.
//
// Memory grows with the bytes that have arrived, never with a length that was only announced. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/function_ref.h"
#include "base/result.h"

namespace thalo::net {

inline constexpr std::size_t message_prefix_bytes = 5;

// Writes flag and length of a message.
void write_message_prefix(char* out, bool compressed, std::size_t size);

class MessageReader {
 public:
  // The next bytes start a new body. `gzip` tells what a message marked as compressed is.
  void reset(std::size_t message_bytes_max, bool gzip);

  // Shows every message that is complete; its text lives until the call returns. Return false to stop after this one.
  // Returns how many bytes were taken: all of them unless stopped. RESOURCE_EXHAUSTED: a message is larger than
  // allowed. INTERNAL, INVALID_ARGUMENT: not a message.
  using Visitor = base::FunctionRef<bool(std::string_view message)>;
  base::Result<std::size_t> read(std::string_view bytes, Visitor visit);

  // Whether the bytes so far end inside a message.
  bool inside_message() const { return prefix_filled_ > 0; }
  std::size_t buffered_bytes() const { return body_.size(); }

 private:
  base::Result<> check_prefix();
  base::Result<std::string_view> decode(std::string_view body);

  std::array<char, message_prefix_bytes> prefix_{};
  std::size_t prefix_filled_ = 0;
  std::size_t body_bytes_ = 0;
  bool compressed_ = false;
  std::string body_;
  std::string decompressed_;
  std::size_t message_bytes_max_ = 0;
  bool gzip_ = false;
};

}  // namespace thalo::net
