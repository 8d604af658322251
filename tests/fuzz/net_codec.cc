#include <algorithm>

#include "net/codec.h"
#include "net/gzip.h"
#include "net/message_reader.h"
#include "net/test_frames.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/targets.h"

namespace thalo::fuzz {

namespace {

using namespace net;
constexpr std::size_t message_bytes_max = 2000;

struct Reading {
  std::vector<std::string> messages;
  bool refused = false;
  friend bool operator==(const Reading&, const Reading&) = default;
};

Reading read(std::string_view body, std::size_t chunk_bytes) {
  Reading reading;
  MessageReader reader;
  reader.reset(message_bytes_max, true);
  while (!body.empty()) {
    const std::string_view chunk = body.substr(0, chunk_bytes);
    const auto taken = reader.read(chunk, [&](std::string_view message) {
      check(message.size() <= message_bytes_max, "no message is larger than allowed");
      reading.messages.emplace_back(message);
      return true;
    });
    reading.refused = !taken;
    if (reading.refused) break;
    check(*taken == chunk.size(), "a reader that is not stopped takes everything");
    body.remove_prefix(chunk.size());
  }
  return reading;
}

void check_text(std::string_view text) {
  if (const auto timeout = parse_timeout(text)) check(timeout->count() >= 0, "a timeout is not negative");
  std::string encoded;
  append_percent_encoded(encoded, text, 100);
  check(encoded.size() <= 100, "an encoded message keeps its limit");
  check(std::ranges::all_of(encoded, [](char c) { return c >= ' ' && c <= '~'; }),
        "an encoded message is printable ASCII");
  std::string base64;
  append_base64(base64, text);
  std::string back;
  check(append_base64_decoded(back, base64) && back == text, "base64 gives back what it was given");
  back = "kept";
  if (!append_base64_decoded(back, text)) check(back == "kept", "what is not base64 leaves the output as it was");
}

}  // namespace

void net_codec(std::string_view input, Reached& reached) {
  if (input.empty()) return;
  const std::size_t chunk_bytes = 1 + static_cast<unsigned char>(input[0]);
  input.remove_prefix(1);
  check_text(input);
  std::string unpacked;
  if (gunzip(unpacked, input, message_bytes_max)) check(unpacked.size() <= message_bytes_max, "gzip keeps its limit");
  const Reading whole = read(input, input.size());
  const Reading parts = read(input, chunk_bytes);
  check(whole == parts, "messages do not depend on how their bytes arrive");
  reached.messages += whole.messages.size();
  reached.rejections += whole.refused ? 1 : 0;
}

std::vector<std::string> net_codec_seeds() {
  std::string compressed;
  append_gzip(compressed, std::string(500, 'z'));
  const std::string messages = net::testing::grpc_message("hello") + net::testing::grpc_message("") +
                               net::testing::grpc_message(compressed, true) + net::testing::grpc_message("end");
  return {std::string(1, 3) + messages,
          std::string(1, 100) + messages,
          std::string(1, 7) + compressed,
          "\1"
          "250m",
          "\1"
          "AAE=",
          "\1"
          "100% \xc3\xa9"};
}

}  // namespace thalo::fuzz
