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
  std::size_t accepted = 0;  // inputs that were taken for what they are to be
};

// An HTTP/2 session: the first two bytes say how the rest arrives, the rest is what a client sends.
void net_session(std::string_view input, Reached& reached);
// The codecs of gRPC.
void net_codec(std::string_view input, Reached& reached);

// Bytes read from a disk: the first byte says as what (records, chunks of the index, cursors, snapshots, logs).
void stored_bytes(std::string_view input, Reached& reached);
// Text from a client: the first byte says as what (stream names, categories, JSON, metadata).
void client_text(std::string_view input, Reached& reached);
// The memory of a guest, at the place where the host reads its answer to a command.
void guest_answer(std::string_view input, Reached& reached);
// A file that is to be a component.
void component(std::string_view input, Reached& reached);
// Has a bug: a fuzzer that does not find it finds nothing.
void canary(std::string_view input, Reached& reached);

// Valid input to start from.
std::vector<std::string> net_session_seeds();
std::vector<std::string> net_codec_seeds();
std::vector<std::string> stored_bytes_seeds();
std::vector<std::string> client_text_seeds();
std::vector<std::string> guest_answer_seeds();
std::vector<std::string> component_seeds();
std::vector<std::string> canary_seeds();

}  // namespace thalo::fuzz
