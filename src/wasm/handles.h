// Owners for the objects of Wasmtime's C API.
#pragma once

#include <thalo_guest.h>
#include <wasmtime.h>

#include <memory>
#include <string_view>

namespace thalo::wasm {

template <auto Delete>
struct Deleter {
  template <class T>
  void operator()(T* object) const {
    Delete(object);
  }
};

using EngineHandle = std::unique_ptr<wasm_engine_t, Deleter<wasm_engine_delete>>;
using StoreHandle = std::unique_ptr<wasmtime_store_t, Deleter<wasmtime_store_delete>>;
using ErrorHandle = std::unique_ptr<wasmtime_error_t, Deleter<wasmtime_error_delete>>;
using ComponentHandle = std::unique_ptr<wasmtime_component_t, Deleter<wasmtime_component_delete>>;
using ComponentTypeHandle = std::unique_ptr<wasmtime_component_type_t, Deleter<wasmtime_component_type_delete>>;
using FunctionTypeHandle =
    std::unique_ptr<wasmtime_component_func_type_t, Deleter<wasmtime_component_func_type_delete>>;
using ExportIndexHandle =
    std::unique_ptr<wasmtime_component_export_index_t, Deleter<wasmtime_component_export_index_delete>>;
using LinkerHandle = std::unique_ptr<wasmtime_component_linker_t, Deleter<wasmtime_component_linker_delete>>;
using LinkerInstanceHandle =
    std::unique_ptr<wasmtime_component_linker_instance_t, Deleter<wasmtime_component_linker_instance_delete>>;
using ResourceHandle =
    std::unique_ptr<wasmtime_component_resource_any_t, Deleter<wasmtime_component_resource_any_delete>>;
using ResourceTypeHandle =
    std::unique_ptr<wasmtime_component_resource_type_t, Deleter<wasmtime_component_resource_type_delete>>;
using GuestHandle = std::unique_ptr<thalo_guest_t, Deleter<thalo_guest_delete>>;
using HostResourceHandle =
    std::unique_ptr<wasmtime_component_resource_host_t, Deleter<wasmtime_component_resource_host_delete>>;

// A byte vector that Wasmtime fills and we free.
class ByteVector {
 public:
  ByteVector() { wasm_byte_vec_new_empty(&bytes_); }
  ByteVector(const ByteVector&) = delete;
  ByteVector& operator=(const ByteVector&) = delete;
  ~ByteVector() { wasm_byte_vec_delete(&bytes_); }

  wasm_byte_vec_t* get() { return &bytes_; }
  std::string_view view() const { return {bytes_.data, bytes_.size}; }

 private:
  wasm_byte_vec_t bytes_;
};

// An item of a component's type (an import or an export).
class Item {
 public:
  Item() = default;
  Item(const Item&) = delete;
  Item& operator=(const Item&) = delete;
  ~Item() {
    if (filled_) wasmtime_component_item_delete(&item_);
  }

  // Where a C function writes the item; `found` is what that function returned.
  wasmtime_component_item_t* get() { return &item_; }
  bool set(bool found) { return filled_ = found; }
  const wasmtime_component_item_t* operator->() const { return &item_; }

 private:
  wasmtime_component_item_t item_{};
  bool filled_ = false;
};

}  // namespace thalo::wasm
