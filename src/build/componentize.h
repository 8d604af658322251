// From a core wasm module to an aggregate component, in process (crate wit-component inside the Wasmtime library). Any
// thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace thalo::build {

// Makes a component of `module`: a core module for wasm32-wasi whose exports follow wit/aggregate.wit, or one that
// carries component metadata of its own (what wit-bindgen writes). Its WASI imports are answered by our preview1
// adapter, so the component imports no WASI. INVALID_ARGUMENT says what the module lacks.
base::Result<std::string> componentize(std::string_view module);

// The names a component imports and exports, e.g. `thalo:aggregate/aggregate@1.0.0`.
struct Interfaces {
  std::vector<std::string> imports;
  std::vector<std::string> exports;
};
base::Result<Interfaces> interfaces_of(std::string_view component);

// Whether `component` exports our contract and imports nothing but our own interfaces. FAILED_PRECONDITION names what
// is missing or too much.
base::Result<> check_aggregate(std::string_view component);

}  // namespace thalo::build
