// The text encodings of gRPC over HTTP/2: grpc-timeout, grpc-message and the values of "-bin" headers. Pure functions.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace thalo::net {

// One to eight digits and a unit (H, M, S, m, u, n), e.g. "250m". Nothing for any other text.
std::optional<std::chrono::nanoseconds> parse_timeout(std::string_view text);

// Appends `message` as grpc-message wants it: bytes outside ' ' to '~' and '%' itself as %XX. Cut at a whole character
// when the encoded text would have more than `size_bytes_max` bytes: a client refuses trailers that are too large, and
// would lose the status with them.
void append_percent_encoded(std::string& out, std::string_view message, std::size_t size_bytes_max);

// Appends `bytes` in base64 without padding, as gRPC sends them.
void append_base64(std::string& out, std::string_view bytes);

// Appends the bytes that `text` stands for, with or without padding. False (and `out` as it was) when it is not base64.
bool append_base64_decoded(std::string& out, std::string_view text);

}  // namespace thalo::net
