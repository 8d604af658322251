#include "wasm/contract.h"

#include <span>
#include <vector>

#include "wasm/type_text.h"

namespace thalo::wasm {
namespace {

using base::Code;
using base::fail;

constexpr std::string_view v1_interface = "thalo:aggregate/aggregate";
constexpr std::string_view v0_8_interface = "aggregate";

// One function that a world demands, as type_text writes it.
struct Signature {
  std::string_view name;
  std::string_view type;
};

#define THALO_EVENTS "list<record {event: string, payload: string}>"
#define THALO_ERROR                                                                                                    \
  "variant {command(tuple<string, string>), deserialize-command(tuple<string, string>), deserialize-context(string), " \
  "deserialize-event(tuple<string, string>), serialize-error(tuple<string, string>), serialize-event(string)}"

constexpr Signature v0_8_functions[] = {
    {"[constructor]entity", "func(id: string) -> own<resource>"},
    {"[method]entity.apply", "func(self: borrow<resource>, events: " THALO_EVENTS ") -> result<_, " THALO_ERROR ">"},
    {"[method]entity.handle",
     "func(self: borrow<resource>, command: record {command: string, payload: string}) -> result<" THALO_EVENTS
     ", " THALO_ERROR ">"},
};

constexpr Signature v1_functions[] = {
    {"snapshot-format", "func() -> option<string>"},
    {"[constructor]entity", "func(id: string) -> own<resource>"},
    {"[method]entity.apply", "func(self: borrow<resource>, events: " THALO_EVENTS ") -> result<_, " THALO_ERROR ">"},
    {"[method]entity.handle",
     "func(self: borrow<resource>, command: record {command: string, payload: string, context: record {command-id: "
     "string, time-ms: u64, version: u64, correlation-id: string, causation-id: string, metadata: string}}) -> "
     "result<" THALO_EVENTS ", " THALO_ERROR ">"},
    {"[method]entity.snapshot", "func(self: borrow<resource>) -> result<string, string>"},
    {"[method]entity.restore", "func(self: borrow<resource>, snapshot: string) -> result<_, string>"},
};

#undef THALO_EVENTS
#undef THALO_ERROR

std::string_view item_kind(wasmtime_component_item_kind_t kind) {
  switch (kind) {
    case WASMTIME_COMPONENT_ITEM_COMPONENT_INSTANCE:
      return "interface";
    case WASMTIME_COMPONENT_ITEM_COMPONENT_FUNC:
      return "function";
    case WASMTIME_COMPONENT_ITEM_RESOURCE:
      return "resource";
    case WASMTIME_COMPONENT_ITEM_COMPONENT:
      return "component";
    case WASMTIME_COMPONENT_ITEM_MODULE:
      return "module";
    default:
      return "type";
  }
}

// Whether `version` (after the '@') is 1.x.y.
bool is_version_1(std::string_view version) { return version == "1" || version.starts_with("1."); }

base::Result<> check_function(const wasmtime_component_instance_type_t* interface, const wasm_engine_t& engine,
                              std::string_view export_name, const Signature& wanted) {
  Item item;
  if (!item.set(wasmtime_component_instance_type_export_get(interface, &engine, wanted.name.data(), wanted.name.size(),
                                                            item.get())) ||
      item->kind != WASMTIME_COMPONENT_ITEM_COMPONENT_FUNC) {
    return fail(Code::invalid_argument, "its export '" + std::string(export_name) + "' has no function '" +
                                            std::string(wanted.name) + "'; the contract is in wit/");
  }
  const std::string found = type_text(item->of.component_func);
  if (found != wanted.type) {
    return fail(Code::invalid_argument, "its function '" + std::string(export_name) + "#" + std::string(wanted.name) +
                                            "' is " + found + "; the contract in wit/ wants " +
                                            std::string(wanted.type));
  }
  return {};
}

base::Result<Contract> check_interface(const wasmtime_component_instance_type_t* interface, const wasm_engine_t& engine,
                                       World world, std::string_view export_name) {
  const std::span<const Signature> functions =
      world == World::v1 ? std::span<const Signature>(v1_functions) : std::span<const Signature>(v0_8_functions);
  for (const Signature& wanted : functions) {
    if (auto ok = check_function(interface, engine, export_name, wanted); !ok) return std::unexpected(ok.error());
  }
  return Contract{world, std::string(export_name)};
}

}  // namespace

base::Result<> check_preamble(std::string_view bytes) {
  using namespace std::string_view_literals;
  if (bytes.empty()) return fail(Code::invalid_argument, "it is empty; expected a WebAssembly component");
  if (bytes.size() < 8 || !bytes.starts_with("\0asm"sv)) {
    return fail(
        Code::invalid_argument,
        "it is not WebAssembly (it does not start with \\0asm); expected a component as `thalo build` makes it");
  }
  if (bytes.substr(4, 4) == "\1\0\0\0"sv) {
    return fail(Code::invalid_argument,
                "it is a core WebAssembly module, not a component; make it with `thalo build`, or componentize it "
                "with `wasm-tools component new`");
  }
  return {};
}

base::Result<Contract> find_contract(const wasmtime_component_t& component, const wasm_engine_t& engine) {
  const ComponentTypeHandle type(wasmtime_component_type(&component));
  const std::size_t count = wasmtime_component_type_export_count(type.get(), &engine);
  std::string exports;
  for (std::size_t i = 0; i < count; ++i) {
    const char* data = nullptr;
    std::size_t size = 0;
    Item item;
    if (!item.set(wasmtime_component_type_export_nth(type.get(), &engine, i, &data, &size, item.get()))) break;
    const std::string_view name(data, size);
    if (item->kind == WASMTIME_COMPONENT_ITEM_COMPONENT_INSTANCE) {
      const auto at = name.find('@');
      if (name.substr(0, at) == v1_interface && at != std::string_view::npos && is_version_1(name.substr(at + 1))) {
        return check_interface(item->of.component_instance, engine, World::v1, name);
      }
      if (name == v0_8_interface) return check_interface(item->of.component_instance, engine, World::v0_8, name);
    }
    if (exports.size() > 1000) continue;
    exports += (exports.empty() ? "" : ", ") + std::string(item_kind(item->kind)) + " '" +
               std::string(name.substr(0, 100)) + "'";
  }
  return fail(Code::invalid_argument,
              "it is a component of another world: it exports neither the interface '" + std::string(v1_interface) +
                  "@1.x' nor the interface '" + std::string(v0_8_interface) +
                  "' of Thalo 0.8; what it exports: " + (exports.empty() ? "nothing" : exports));
}

}  // namespace thalo::wasm
