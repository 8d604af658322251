// A component that has been compiled, checked and linked: what all its instances share. Immutable; any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "wasm/contract.h"
#include "wasm/engine_core.h"
#include "wasm/guest_log.h"
#include "wasm/handles.h"

namespace thalo::wasm {

// Where the functions of the contract are in the component, looked up once. The last three are null in the 0.8 world.
struct ContractFunctions {
  ExportIndexHandle constructor;
  ExportIndexHandle apply;
  ExportIndexHandle handle;
  ExportIndexHandle snapshot_format;
  ExportIndexHandle snapshot;
  ExportIndexHandle restore;
};

struct LoadedComponent {
  std::shared_ptr<const EngineCore> core;
  std::string name;
  std::string digest;
  std::size_t size_bytes = 0;
  Contract contract;
  std::optional<std::string> snapshot_format;
  ComponentHandle component;
  LinkerHandle linker;
  ContractFunctions functions;
  std::shared_ptr<GuestLog> log;
};

ContractFunctions find_functions(const wasmtime_component_t& component, const Contract& contract);

}  // namespace thalo::wasm
