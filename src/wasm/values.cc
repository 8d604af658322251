#include "wasm/values.h"

namespace thalo::wasm {

wasm_name_t borrow(std::string_view text) {
  wasm_name_t name;
  name.size = text.size();
  name.data = const_cast<char*>(text.data());  // arguments are only read
  return name;
}

RawValue string_argument(std::string_view text) {
  RawValue value;
  value.kind = WASMTIME_COMPONENT_STRING;
  value.of.string = borrow(text);
  return value;
}

RawValue u64_argument(std::uint64_t number) {
  RawValue value;
  value.kind = WASMTIME_COMPONENT_U64;
  value.of.u64 = number;
  return value;
}

RawValue resource_argument(wasmtime_component_resource_any_t* resource) {
  RawValue value;
  value.kind = WASMTIME_COMPONENT_RESOURCE;
  value.of.resource = resource;
  return value;
}

std::optional<std::string_view> as_string(const RawValue& value) {
  if (value.kind != WASMTIME_COMPONENT_STRING) return std::nullopt;
  return std::string_view(value.of.string.data, value.of.string.size);
}

std::optional<std::span<const RawValue>> as_list(const RawValue& value) {
  if (value.kind != WASMTIME_COMPONENT_LIST) return std::nullopt;
  return std::span<const RawValue>(value.of.list.data, value.of.list.size);
}

}  // namespace thalo::wasm
