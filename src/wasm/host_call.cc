#include "wasm/host_call.h"

#include <algorithm>

namespace thalo::wasm {

std::optional<std::string_view> HostCall::text(std::size_t index) const {
  return index < arguments_.size() ? as_string(arguments_[index]) : std::nullopt;
}

std::optional<std::uint64_t> HostCall::u64(std::size_t index) const {
  if (index >= arguments_.size() || arguments_[index].kind != WASMTIME_COMPONENT_U64) return std::nullopt;
  return arguments_[index].of.u64;
}

std::optional<std::string> HostCall::bytes(std::size_t index, std::size_t size_max) const {
  const auto list = index < arguments_.size() ? as_list(arguments_[index]) : std::nullopt;
  if (!list) return std::nullopt;
  std::string out;
  out.reserve(std::min(list->size(), size_max));
  for (const RawValue& item : list->first(std::min(list->size(), size_max))) {
    if (item.kind != WASMTIME_COMPONENT_U8) return std::nullopt;
    out += static_cast<char>(item.of.u8);
  }
  return out;
}

std::optional<std::size_t> HostCall::list_size(std::size_t index) const {
  const auto list = index < arguments_.size() ? as_list(arguments_[index]) : std::nullopt;
  if (!list) return std::nullopt;
  return list->size();
}

std::optional<std::string_view> HostCall::enumeration(std::size_t index) const {
  if (index >= arguments_.size() || arguments_[index].kind != WASMTIME_COMPONENT_ENUM) return std::nullopt;
  const wasm_name_t& name = arguments_[index].of.enumeration;
  return std::string_view(name.data, name.size);
}

std::optional<std::uint32_t> HostCall::resource(std::size_t index) {
  return index < arguments_.size() ? release(arguments_[index]) : std::nullopt;
}

bool HostCall::release_list(std::size_t index) {
  const auto list = index < arguments_.size() ? as_list(arguments_[index]) : std::nullopt;
  if (!list) return false;
  return std::ranges::all_of(*list, [this](const RawValue& item) { return release(item).has_value(); });
}

std::optional<std::uint32_t> HostCall::release(const RawValue& value) {
  if (value.kind != WASMTIME_COMPONENT_RESOURCE) return std::nullopt;
  wasmtime_component_resource_host_t* raw = nullptr;
  if (ErrorHandle(wasmtime_component_resource_any_to_host(context_, value.of.resource, &raw)) != nullptr)
    return std::nullopt;
  return wasmtime_component_resource_host_rep(HostResourceHandle(raw).get());
}

wasmtime_error_t* HostCall::answer(RawValue value) {
  if (results_.size() != 1) {
    wasmtime_component_val_delete(&value);
    return trap("called an import whose type is not the one of its interface");
  }
  results_[0] = value;
  return nullptr;
}

wasmtime_error_t* HostCall::trap(std::string why) {
  state().host_trap = std::move(why);
  return wasmtime_error_new(state().host_trap.c_str());
}

RawValue HostCall::boolean(bool value) {
  RawValue out;
  out.kind = WASMTIME_COMPONENT_BOOL;
  out.of.boolean = value;
  return out;
}

RawValue HostCall::u64_value(std::uint64_t value) { return u64_argument(value); }

RawValue HostCall::u32_value(std::uint32_t value) {
  RawValue out;
  out.kind = WASMTIME_COMPONENT_U32;
  out.of.u32 = value;
  return out;
}

RawValue HostCall::text_value(std::string_view text) {
  RawValue out;
  out.kind = WASMTIME_COMPONENT_STRING;
  wasm_byte_vec_new(&out.of.string, text.size(), text.data());
  return out;
}

RawValue HostCall::byte_list(std::string_view bytes) {
  RawValue out;
  out.kind = WASMTIME_COMPONENT_LIST;
  wasmtime_component_vallist_new_uninit(&out.of.list, bytes.size());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    out.of.list.data[i].kind = WASMTIME_COMPONENT_U8;
    out.of.list.data[i].of.u8 = static_cast<std::uint8_t>(bytes[i]);
  }
  return out;
}

RawValue HostCall::list(std::span<const RawValue> items) {
  RawValue out;
  out.kind = WASMTIME_COMPONENT_LIST;
  wasmtime_component_vallist_new(&out.of.list, items.size(), items.data());
  return out;
}

RawValue HostCall::tuple(std::span<const RawValue> items) {
  RawValue out;
  out.kind = WASMTIME_COMPONENT_TUPLE;
  wasmtime_component_valtuple_new(&out.of.tuple, items.size(), items.data());
  return out;
}

RawValue HostCall::none() {
  RawValue out;
  out.kind = WASMTIME_COMPONENT_OPTION;
  out.of.option = nullptr;
  return out;
}

RawValue HostCall::ok() {
  RawValue out;
  out.kind = WASMTIME_COMPONENT_RESULT;
  out.of.result.is_ok = true;
  out.of.result.val = nullptr;
  return out;
}

RawValue HostCall::ok(RawValue value) {
  RawValue out = ok();
  out.of.result.val = wasmtime_component_val_new(&value);
  return out;
}

RawValue HostCall::failure(RawValue value) {
  RawValue out = ok(value);
  out.of.result.is_ok = false;
  return out;
}

RawValue HostCall::plain_case(std::string_view name) {
  RawValue out;
  out.kind = WASMTIME_COMPONENT_VARIANT;
  wasm_byte_vec_new(&out.of.variant.discriminant, name.size(), name.data());
  out.of.variant.val = nullptr;
  return out;
}

std::optional<RawValue> HostCall::own(HostResource type, std::uint32_t number) {
  const HostResourceHandle host(wasmtime_component_resource_host_new(true, number, static_cast<std::uint32_t>(type)));
  wasmtime_component_resource_any_t* any = nullptr;
  if (ErrorHandle(wasmtime_component_resource_host_to_any(context_, host.get(), &any)) != nullptr) return std::nullopt;
  return resource_argument(any);
}

}  // namespace thalo::wasm
