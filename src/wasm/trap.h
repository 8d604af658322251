// From what Wasmtime says went wrong in a call to an error for a person.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "wasm/handles.h"
#include "wasm/store_state.h"

namespace thalo::wasm {

// What was being done, for the error's text: `handle` of `counter-abc`.
struct CallName {
  std::string_view function;
  std::string_view module;
  std::string_view stream;
};

// The error of a call that failed inside the guest. RESOURCE_EXHAUSTED names the limit, its value and its flag;
// FAILED_PRECONDITION gives the trap's reason and the innermost functions, or how the guest broke the contract;
// UNAVAILABLE is for what is not the guest's doing: the machine has no memory for its instance.
base::Error describe_failure(const wasmtime_error_t& error, const StoreState& state, std::uint64_t fuel_left,
                             const CallName& call);

// Wasmtime's text of an error, without its backtrace: the innermost cause, at most a few hundred bytes.
std::string innermost_cause(const wasmtime_error_t& error);

// A text of the guest's own for an error message, cut at a character.
std::string excerpt(std::string_view text, std::size_t size_bytes_max = 400);

}  // namespace thalo::wasm
