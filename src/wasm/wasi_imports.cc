#include "wasm/host_call.h"

namespace thalo::wasm {
namespace {

// A guest that asks for more random bytes in one call is out of its mind, and every byte costs the host a value.
constexpr std::uint64_t random_bytes_max = 1u << 16;

wasmtime_error_t* wrong_arguments(HostCall& call) {
  return call.trap("called a WASI import with arguments of another type");
}

wasmtime_error_t* empty_list(HostCall& call) { return call.answer(HostCall::list({})); }
wasmtime_error_t* no_value(HostCall& call) { return call.answer(HostCall::none()); }

wasmtime_error_t* exit(HostCall& call) { return call.trap("called exit"); }

wasmtime_error_t* monotonic_now(HostCall& call) {
  return call.answer(HostCall::u64_value(call.state().monotonic_now_ns()));
}
wasmtime_error_t* one_nanosecond(HostCall& call) { return call.answer(HostCall::u64_value(1)); }

// A record datetime {seconds: u64, nanoseconds: u32}.
wasmtime_error_t* answer_datetime(HostCall& call, std::uint64_t seconds, std::uint32_t nanoseconds) {
  RawValue out;
  out.kind = WASMTIME_COMPONENT_RECORD;
  wasmtime_component_valrecord_new_uninit(&out.of.record, 2);
  RawField* fields = out.of.record.data;
  wasm_byte_vec_delete(&fields[0].name);
  wasm_byte_vec_delete(&fields[1].name);
  wasm_name_new_from_string(&fields[0].name, "seconds");
  wasm_name_new_from_string(&fields[1].name, "nanoseconds");
  fields[0].val = HostCall::u64_value(seconds);
  fields[1].val = HostCall::u32_value(nanoseconds);
  return call.answer(out);
}

wasmtime_error_t* wall_now(HostCall& call) {
  const std::int64_t time_ms = call.state().time_ms < 0 ? 0 : call.state().time_ms;
  return answer_datetime(call, static_cast<std::uint64_t>(time_ms / 1000),
                         static_cast<std::uint32_t>(time_ms % 1000 * 1'000'000));
}
wasmtime_error_t* wall_resolution(HostCall& call) { return answer_datetime(call, 0, 1'000'000); }

wasmtime_error_t* random_bytes(HostCall& call) {
  const auto count = call.u64(0);
  if (!count) return wrong_arguments(call);
  if (*count > random_bytes_max)
    return call.trap("asked for " + std::to_string(*count) + " random bytes at once; at most " +
                     std::to_string(random_bytes_max) + " are given");
  std::string bytes;
  while (bytes.size() < *count) {
    const std::uint64_t number = call.state().next_random();
    for (int i = 0; i < 8 && bytes.size() < *count; ++i) bytes += static_cast<char>(number >> (8 * i));
  }
  return call.answer(HostCall::byte_list(bytes));
}

wasmtime_error_t* random_u64(HostCall& call) { return call.answer(HostCall::u64_value(call.state().next_random())); }

wasmtime_error_t* random_seed(HostCall& call) {
  const RawValue pair[] = {HostCall::u64_value(call.state().next_random()),
                           HostCall::u64_value(call.state().next_random())};
  return call.answer(HostCall::tuple(pair));
}

wasmtime_error_t* error_text(HostCall& call) {
  if (!call.resource(0)) return wrong_arguments(call);
  return call.answer(HostCall::text_value("there is no input or output here"));
}

wasmtime_error_t* no_file_error(HostCall& call) {
  if (!call.resource(0)) return wrong_arguments(call);
  return call.answer(HostCall::none());
}

constexpr HostFunction functions[] = {
    {"wasi:cli/environment", "get-environment", empty_list},
    {"wasi:cli/environment", "get-arguments", empty_list},
    {"wasi:cli/environment", "initial-cwd", no_value},
    {"wasi:cli/exit", "exit", exit},
    {"wasi:cli/exit", "exit-with-code", exit},
    {"wasi:cli/terminal-stdin", "get-terminal-stdin", no_value},
    {"wasi:cli/terminal-stdout", "get-terminal-stdout", no_value},
    {"wasi:cli/terminal-stderr", "get-terminal-stderr", no_value},
    {"wasi:clocks/monotonic-clock", "now", monotonic_now},
    {"wasi:clocks/monotonic-clock", "resolution", one_nanosecond},
    {"wasi:clocks/wall-clock", "now", wall_now},
    {"wasi:clocks/wall-clock", "resolution", wall_resolution},
    {"wasi:random/random", "get-random-bytes", random_bytes},
    {"wasi:random/random", "get-random-u64", random_u64},
    {"wasi:random/insecure", "get-insecure-random-bytes", random_bytes},
    {"wasi:random/insecure", "get-insecure-random-u64", random_u64},
    {"wasi:random/insecure-seed", "insecure-seed", random_seed},
    {"wasi:random/insecure-seed", "get-insecure-seed", random_seed},
    {"wasi:io/error", "[method]error.to-debug-string", error_text},
    {"wasi:filesystem/preopens", "get-directories", empty_list},
    {"wasi:filesystem/types", "filesystem-error-code", no_file_error},
};

}  // namespace

std::span<const HostFunction> wasi_functions() { return functions; }

}  // namespace thalo::wasm
