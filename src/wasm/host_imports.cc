#include "wasm/host_imports.h"

#include "wasm/trap.h"

namespace thalo::wasm {

using base::Code;

base::Result<LinkerHandle> link_imports(const wasmtime_component_t& component, const wasm_engine_t& engine) {
  LinkerHandle linker(wasmtime_component_linker_new(&engine));
  if (const ErrorHandle error(wasmtime_component_linker_define_unknown_imports_as_traps(linker.get(), &component));
      error != nullptr) {
    return base::fail(Code::invalid_argument, "its imports cannot be linked: " + innermost_cause(*error));
  }
  return linker;
}

}  // namespace thalo::wasm
