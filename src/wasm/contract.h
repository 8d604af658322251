// Which of the two contracts a component keeps, told from its exports before anything of it runs.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "wasm/engine.h"
#include "wasm/handles.h"

namespace thalo::wasm {

struct Contract {
  World world = World::v1;
  std::string export_name;  // of the instance that holds the entity's functions
};

// INVALID_ARGUMENT when `bytes` do not start as a component does: empty, no wasm at all, or a core module.
base::Result<> check_preamble(std::string_view bytes);

// INVALID_ARGUMENT names what is missing or of another shape, and lists what the component does export.
base::Result<Contract> find_contract(const wasmtime_component_t& component, const wasm_engine_t& engine);

}  // namespace thalo::wasm
