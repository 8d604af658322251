// What a language's guests cost, for the table in README.md. Decides no test.
#pragma once

#include <string>

#include "wasm/engine.h"

namespace thalo::conformance {

// A row of the table, of a counter: size, an instance's start and memory, and processor time of a call from the host.
// Throws std::runtime_error when the guest fails.
std::string costs_of(const std::string& language, const wasm::Module& counter);

}  // namespace thalo::conformance
