// SHA-256.
#pragma once

#include <string>
#include <string_view>

namespace thalo::wasm {

// Lower-case hex.
std::string sha256_hex(std::string_view bytes);

}  // namespace thalo::wasm
