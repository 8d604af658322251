// One call of a guest to the host, as the functions behind the imports see it. Confined to the thread that runs the
// guest.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "wasm/handles.h"
#include "wasm/store_state.h"
#include "wasm/values.h"

namespace thalo::wasm {

// The kinds of resource that the host hands to guests. A number is the type's identity in Wasmtime.
enum class HostResource : std::uint32_t {
  unknown = 0,
  io_error,
  input_stream,
  output_stream,
  pollable,
  descriptor,
  directory_entry_stream,
  terminal_input,
  terminal_output,
};

class HostCall {
 public:
  HostCall(wasmtime_context_t* context, std::span<RawValue> arguments, std::span<RawValue> results)
      : context_(context), arguments_(arguments), results_(results) {}

  StoreState& state() { return *static_cast<StoreState*>(wasmtime_context_get_data(context_)); }
  std::size_t argument_count() const { return arguments_.size(); }

  // Readers of the argument at an index; no value when it is of another shape.
  std::optional<std::string_view> text(std::size_t index) const;
  std::optional<std::uint64_t> u64(std::size_t index) const;
  // The bytes of a list<u8>, at most `size_max` of them.
  std::optional<std::string> bytes(std::size_t index, std::size_t size_max) const;
  std::optional<std::size_t> list_size(std::size_t index) const;
  std::optional<std::string_view> enumeration(std::size_t index) const;
  // The number the host gave the resource when it handed it out. Ends the borrow: once per argument.
  std::optional<std::uint32_t> resource(std::size_t index);
  // Ends every borrow in a list of resources.
  bool release_list(std::size_t index);

  // Sets the call's only result. The value's memory belongs to Wasmtime from then on.
  wasmtime_error_t* answer(RawValue value);
  wasmtime_error_t* answer_nothing() { return nullptr; }
  // Ends the guest with `why`, which is the error of the call from outside.
  wasmtime_error_t* trap(std::string why);

  // Values in memory of Wasmtime's, for results.
  static RawValue boolean(bool value);
  static RawValue u64_value(std::uint64_t value);
  static RawValue u32_value(std::uint32_t value);
  static RawValue text_value(std::string_view text);
  static RawValue byte_list(std::string_view bytes);
  static RawValue list(std::span<const RawValue> items);
  static RawValue tuple(std::span<const RawValue> items);
  static RawValue none();
  static RawValue ok();
  static RawValue ok(RawValue value);
  static RawValue failure(RawValue value);
  static RawValue plain_case(std::string_view name);  // a variant's case without a payload
  std::optional<RawValue> own(HostResource type, std::uint32_t number);

 private:
  std::optional<std::uint32_t> release(const RawValue& value);

  wasmtime_context_t* context_;
  std::span<RawValue> arguments_;
  std::span<RawValue> results_;
};

// A function that the host offers: `interface` without its version.
struct HostFunction {
  std::string_view interface;
  std::string_view name;
  wasmtime_error_t* (*run)(HostCall& call);
};

// The guests' two ways to our log.
std::span<const HostFunction> log_functions();
// The parts of WASI 0.2 that need nothing from outside: no environment, no arguments, no files, the command's time,
// random numbers that are the same at every replay, and what is printed goes to the log.
std::span<const HostFunction> wasi_functions();
std::span<const HostFunction> wasi_stream_functions();

}  // namespace thalo::wasm
