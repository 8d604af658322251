#include "wasm/host_imports.h"

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "wasm/host_call.h"
#include "wasm/trap.h"

namespace thalo::wasm {
namespace {

using base::Code;
using base::fail;

// Types of resources by their names: an interface that uses another one's resource carries it under the same name.
constexpr std::pair<std::string_view, HostResource> resources[] = {
    {"error", HostResource::io_error},
    {"input-stream", HostResource::input_stream},
    {"output-stream", HostResource::output_stream},
    {"pollable", HostResource::pollable},
    {"descriptor", HostResource::descriptor},
    {"directory-entry-stream", HostResource::directory_entry_stream},
    {"terminal-input", HostResource::terminal_input},
    {"terminal-output", HostResource::terminal_output},
};

HostResource resource_type(std::string_view name) {
  for (const auto& [known, type] : resources) {
    if (known == name) return type;
  }
  return HostResource::unknown;
}

// Whether the host knows this version of `interface`: 1.x of ours, 0.2.x of WASI, none for what has no version.
bool is_known_version(std::string_view interface, std::string_view version) {
  if (interface.starts_with("thalo:")) return version == "1" || version.starts_with("1.");
  if (interface.starts_with("wasi:")) return version.starts_with("0.2.");
  return version.empty();
}

const HostFunction* find_function(std::string_view import, std::string_view name) {
  const auto at = import.find('@');
  const std::string_view interface = import.substr(0, at);
  if (!is_known_version(interface, at == std::string_view::npos ? "" : import.substr(at + 1))) return nullptr;
  for (const auto& functions : {log_functions(), wasi_functions(), wasi_stream_functions()}) {
    for (const HostFunction& function : functions) {
      if (function.interface == interface && function.name == name) return &function;
    }
  }
  return nullptr;
}

wasmtime_error_t* run_function(void* data, wasmtime_context_t* context, const wasmtime_component_func_type_t*,
                               RawValue* arguments, std::size_t argument_count, RawValue* results,
                               std::size_t result_count) {
  HostCall call(context, {arguments, argument_count}, {results, result_count});
  return static_cast<const HostFunction*>(data)->run(call);
}

// Stands for an import that the host does not offer; `data` is its name.
wasmtime_error_t* run_unknown(void* data, wasmtime_context_t* context, const wasmtime_component_func_type_t*,
                              RawValue* arguments, std::size_t argument_count, RawValue* results,
                              std::size_t result_count) {
  HostCall call(context, {arguments, argument_count}, {results, result_count});
  return call.trap("called the import '" + *static_cast<std::string*>(data) + "', which this runtime does not offer");
}

wasmtime_error_t* destroy_resource(void*, wasmtime_context_t*, std::uint32_t) { return nullptr; }

wasmtime_error_t* define_function(wasmtime_component_linker_instance_t* target, std::string_view import,
                                  std::string_view name) {
  if (const HostFunction* function = find_function(import, name)) {
    return wasmtime_component_linker_instance_add_func(target, name.data(), name.size(), run_function,
                                                       const_cast<HostFunction*>(function), nullptr);
  }
  auto full_name =
      std::make_unique<std::string>(import.empty() ? std::string(name) : std::string(import) + "#" + std::string(name));
  return wasmtime_component_linker_instance_add_func(target, name.data(), name.size(), run_unknown, full_name.release(),
                                                     [](void* data) { delete static_cast<std::string*>(data); });
}

// Defines what an import or an item of an imported interface needs; `import` is the interface's name, empty for a plain
// import.
wasmtime_error_t* define(wasmtime_component_linker_instance_t* target, const wasm_engine_t& engine,
                         std::string_view import, std::string_view name, const Item& item);

wasmtime_error_t* define_interface(wasmtime_component_linker_instance_t* target, const wasm_engine_t& engine,
                                   std::string_view name, const wasmtime_component_instance_type_t* type) {
  wasmtime_component_linker_instance_t* raw = nullptr;
  if (auto* error = wasmtime_component_linker_instance_add_instance(target, name.data(), name.size(), &raw))
    return error;
  const LinkerInstanceHandle interface(raw);
  const std::size_t count = wasmtime_component_instance_type_export_count(type, &engine);
  for (std::size_t i = 0; i < count; ++i) {
    const char* data = nullptr;
    std::size_t size = 0;
    Item item;
    if (!item.set(wasmtime_component_instance_type_export_nth(type, &engine, i, &data, &size, item.get()))) continue;
    if (auto* error = define(interface.get(), engine, name, {data, size}, item)) return error;
  }
  return nullptr;
}

wasmtime_error_t* define(wasmtime_component_linker_instance_t* target, const wasm_engine_t& engine,
                         std::string_view import, std::string_view name, const Item& item) {
  switch (item->kind) {
    case WASMTIME_COMPONENT_ITEM_COMPONENT_FUNC:
      return define_function(target, import, name);
    case WASMTIME_COMPONENT_ITEM_COMPONENT_INSTANCE:
      return define_interface(target, engine, name, item->of.component_instance);
    case WASMTIME_COMPONENT_ITEM_RESOURCE: {
      const ResourceTypeHandle type(
          wasmtime_component_resource_type_new_host(static_cast<std::uint32_t>(resource_type(name))));
      return wasmtime_component_linker_instance_add_resource(target, name.data(), name.size(), type.get(),
                                                             destroy_resource, nullptr, nullptr);
    }
    case WASMTIME_COMPONENT_ITEM_COMPONENT:
    case WASMTIME_COMPONENT_ITEM_MODULE:
      return wasmtime_error_new("it is a whole component or module, which no host function can stand for");
    default:
      return nullptr;  // types need no definition
  }
}

}  // namespace

base::Result<LinkerHandle> link_imports(const wasmtime_component_t& component, const wasm_engine_t& engine) {
  LinkerHandle linker(wasmtime_component_linker_new(&engine));
  const LinkerInstanceHandle root(wasmtime_component_linker_root(linker.get()));
  const ComponentTypeHandle type(wasmtime_component_type(&component));
  const std::size_t count = wasmtime_component_type_import_count(type.get(), &engine);
  for (std::size_t i = 0; i < count; ++i) {
    const char* data = nullptr;
    std::size_t size = 0;
    Item item;
    if (!item.set(wasmtime_component_type_import_nth(type.get(), &engine, i, &data, &size, item.get()))) continue;
    const std::string_view name(data, size);
    if (const ErrorHandle error(define(root.get(), engine, "", name, item)); error != nullptr) {
      return fail(Code::invalid_argument,
                  "its import '" + excerpt(name) + "' cannot be linked: " + innermost_cause(*error));
    }
  }
  return linker;
}

}  // namespace thalo::wasm
