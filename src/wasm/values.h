// Component values as the C API has them: how to build arguments without copying, and how to read results.
//
// A call only reads its arguments, so they may point into our own memory. Results are Wasmtime's and are freed by
// Value.
#pragma once

#include <wasmtime.h>

#include <optional>
#include <span>
#include <string_view>

namespace thalo::wasm {

using RawValue = wasmtime_component_val_t;
using RawField = wasmtime_component_valrecord_entry_t;

// A name or text that lives at least as long as the call it is passed to. It must be valid UTF-8: Wasmtime aborts the
// process otherwise.
wasm_name_t borrow(std::string_view text);

RawValue string_argument(std::string_view text);
RawValue u64_argument(std::uint64_t number);
RawValue resource_argument(wasmtime_component_resource_any_t* resource);

// Owns what a call returned.
class Value {
 public:
  Value() { reset(); }
  Value(const Value&) = delete;
  Value& operator=(const Value&) = delete;
  ~Value() { wasmtime_component_val_delete(&value_); }

  RawValue* get() { return &value_; }
  const RawValue& raw() const { return value_; }

 private:
  void reset() {
    value_.kind = WASMTIME_COMPONENT_BOOL;
    value_.of.boolean = false;
  }
  RawValue value_;
};

// Readers: no value when `value` is of another shape. What they return points into `value`.
std::optional<std::string_view> as_string(const RawValue& value);
std::optional<std::span<const RawValue>> as_list(const RawValue& value);

}  // namespace thalo::wasm
