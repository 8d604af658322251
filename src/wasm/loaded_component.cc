#include "wasm/loaded_component.h"

namespace thalo::wasm {

ContractFunctions find_functions(const wasmtime_component_t& component, const Contract& contract) {
  const auto find = [&component](const ExportIndexHandle& parent, std::string_view name) {
    return ExportIndexHandle(wasmtime_component_get_export_index(&component, parent.get(), name.data(), name.size()));
  };
  const ExportIndexHandle interface = find(nullptr, contract.export_name);
  ContractFunctions functions;
  functions.constructor = find(interface, "[constructor]entity");
  functions.apply = find(interface, "[method]entity.apply");
  functions.handle = find(interface, "[method]entity.handle");
  if (contract.world == World::v1) {
    functions.snapshot_format = find(interface, "snapshot-format");
    functions.snapshot = find(interface, "[method]entity.snapshot");
    functions.restore = find(interface, "[method]entity.restore");
  }
  return functions;
}

}  // namespace thalo::wasm
