#include "wasm/trap.h"

#include <charconv>
#include <system_error>

namespace thalo::wasm {
namespace {

using base::Code;

constexpr std::size_t frames_max = 3;
constexpr std::size_t frame_size_bytes_max = 120;

// "shop::Cart::add" of `_ZN4shop4Cart3add17h...E`, as Rust's linker leaves names (C++'s has made them readable). All
// else is shown as it is: what a whole demangler makes of a short name may have gigabytes.
std::string readable_name(std::string_view name) {
  std::string path;
  std::string_view rest = name.starts_with("_ZN") ? name.substr(3) : "";
  for (std::size_t size = 0;; rest.remove_prefix(size)) {
    const auto read = std::from_chars(rest.data(), rest.data() + rest.size(), size);
    if (read.ec != std::errc()) break;
    rest.remove_prefix(static_cast<std::size_t>(read.ptr - rest.data()));
    if (size > rest.size()) return excerpt(name, frame_size_bytes_max);
    (path += path.empty() ? "" : "::") += rest.substr(0, size);
  }
  return excerpt(rest.starts_with('E') && !path.empty() ? path : name, frame_size_bytes_max);
}

// ", in a < b < c": the innermost functions that have a name; empty when none has.
std::string innermost_functions(const wasmtime_error_t& error) {
  wasm_frame_vec_t frames;
  wasmtime_error_wasm_trace(&error, &frames);
  std::string out;
  std::size_t shown = 0;
  for (std::size_t i = 0; i < frames.size && shown < frames_max; ++i) {
    const wasm_name_t* name = wasmtime_frame_func_name(frames.data[i]);
    if (name == nullptr || name->size == 0) continue;
    out += shown++ == 0 ? ", in " : " < ";
    out += readable_name({name->data, name->size});
  }
  wasm_frame_vec_delete(&frames);
  return out;
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// What a trap usually means to somebody who wrote the guest in C++ or Rust; empty when its own words say it.
std::string_view usual_reason(std::string_view cause) {
  if (contains(cause, "call stack exhausted"))
    return "; the call stack of 512 KiB is used up, usually by a recursion that does not end";
  if (contains(cause, "out of bounds memory access"))
    return "; usually too much on the stack (a C++ guest's has 128 KiB: a deep recursion or a large local array), or "
           "an "
           "index or pointer outside of what it points into";
  if (contains(cause, "unreachable"))
    return "; the guest aborted: a panic, an exception, a failed assertion or abort(); its message, if it wrote one, "
           "is "
           "in the runtime's log";
  return "";
}

}  // namespace

std::string excerpt(std::string_view text, std::size_t size_bytes_max) {
  if (text.size() <= size_bytes_max) return std::string(text);
  std::size_t end = size_bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "...";
}

std::string innermost_cause(const wasmtime_error_t& error) {
  ByteVector message;
  wasmtime_error_message(&error, message.get());
  std::string_view text = message.view();
  // "context\n\nCaused by:\n    0: outer\n    1: inner" or "context\n\nCaused by:\n    inner"
  if (const auto causes = text.rfind("Caused by:"); causes != std::string_view::npos) {
    text.remove_prefix(causes + std::string_view("Caused by:").size());
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
    if (const auto line = text.rfind("\n    "); line != std::string_view::npos) text.remove_prefix(line + 5);
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    const auto colon = text.find(": ");
    if (colon != std::string_view::npos && colon > 0 &&
        text.substr(0, colon).find_first_not_of("0123456789") == std::string_view::npos) {
      text.remove_prefix(colon + 2);
    }
  }
  constexpr std::string_view prefix = "wasm trap: ";
  if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  return excerpt(text);
}

base::Error describe_failure(const wasmtime_error_t& error, const StoreState& state, std::uint64_t fuel_left,
                             const CallName& call) {
  const Limits& limits = state.limits;
  std::string what = "module '" + std::string(call.module) + "', " + std::string(call.function);
  if (!call.stream.empty()) what += " of " + std::string(call.stream);
  what += ": ";
  const std::string where = innermost_functions(error);
  if (state.out_of_time) {
    return {Code::resource_exhausted,
            what + "used more than " + std::to_string(limits.time_per_call.count()) + " ms (limit " +
                std::string(limits.time_limit_flag) + ")" + where,
            true};
  }
  ByteVector message;
  wasmtime_error_message(&error, message.get());
  if (limits.fuel_per_call != 0 && fuel_left == 0 && contains(message.view(), "all fuel consumed")) {
    return {
        Code::resource_exhausted,
        what + "used more than " + std::to_string(limits.fuel_per_call) + " units of fuel (limit --fuel-limit)" + where,
        true};
  }
  const std::string cause = innermost_cause(error);
  if (state.memory.refused) {
    return {Code::resource_exhausted,
            what + "needed more than " + std::to_string(limits.memory_per_instance_bytes) +
                " bytes of memory (limit --memory-limit), then: " + cause + where,
            true};
  }
  if (contains(cause, "fuel allocated for hostcalls")) {
    return {Code::resource_exhausted, what + "handed more than 128 MiB to the host at once" + where, true};
  }
  if (!state.host_trap.empty()) return {Code::failed_precondition, what + excerpt(state.host_trap) + where};
  if (contains(message.view(), "wasm trap: ") || !where.empty()) {
    return {Code::failed_precondition, what + "trapped: " + cause + where + std::string(usual_reason(cause))};
  }
  // ENOMEM, as Wasmtime says it: of an instance that has no more than its limits allow.
  if (cause.ends_with("(os error 12)"))
    return {Code::unavailable, what + "the machine has no memory for it: " + cause + "; retry later"};
  return {Code::failed_precondition, what + "broke the contract: " + cause};
}

}  // namespace thalo::wasm
