// What can be fuzzed. Each takes any bytes; a broken promise ends the process with a message.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace thalo::fuzz {

// How far the runs of a target have come, so that a test can tell a fuzzer that reaches the code from one that is
// turned away at the door.
struct Reached {
  std::size_t unary_calls = 0;
  std::size_t streams = 0;
  std::size_t messages = 0;
  std::size_t answers = 0;
  std::size_t rejections = 0;
  std::size_t goaways = 0;
};

// An HTTP/2 session: the first two bytes say how the rest arrives, the rest is what a client sends.
void net_session(std::string_view input, Reached& reached);
// The codecs of gRPC.
void net_codec(std::string_view input, Reached& reached);

// Valid input to start from.
std::vector<std::string> net_session_seeds();
std::vector<std::string> net_codec_seeds();

}  // namespace thalo::fuzz
