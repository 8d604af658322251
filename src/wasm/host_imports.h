// What the host answers when a guest calls out: its log, and the parts of WASI that can be answered without the outside
// world.
//
// Every other import traps by name if it is called, so that a component which only carries it along still loads.
#pragma once

#include "base/result.h"
#include "wasm/handles.h"

namespace thalo::wasm {

// A linker that satisfies every import of `component`. INVALID_ARGUMENT names an import that no host function can stand
// for.
base::Result<LinkerHandle> link_imports(const wasmtime_component_t& component, const wasm_engine_t& engine);

}  // namespace thalo::wasm
