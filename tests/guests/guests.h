// Guest components for tests, put together from the texts in this folder and turned into wasm in the process: no
// toolchain needed.
//
// A guest is a shell (v1.wat or v0_8.wat: the component's types, memory and exports) around a core module that holds
// its rules. In both, the lines `;;@NAME` are where a part goes.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace thalo::guests {

// What differs from guest to guest. The texts are parts of a component in the WebAssembly text format.
struct Recipe {
  std::string shell = "v1.wat";
  std::string core = "scenarios.wat";
  // Functions for the core module, e.g. one more import; each pair replaces the line `;;@FIRST`.
  std::vector<std::pair<std::string, std::string>> parts = {};
};

// The component as wasm bytes. Throws std::runtime_error with Wasmtime's message when the text is wrong: a test's own
// mistake.
std::string make(const Recipe& recipe);

// For `core-imports`: a function whose compilation takes time and memory with the product of the two, since so many
// variables live through so many loops.
std::string long_function(int loops, int variables);

// Any text in the WebAssembly text format as wasm bytes.
std::string assemble(std::string_view text);

// A counter that also misbehaves on command (see scenarios.wat), in each world.
std::string counter();
std::string counter_v0_8();

}  // namespace thalo::guests
