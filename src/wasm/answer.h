// Reads what a guest answered and checks it, before anything is believed.
#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/event.h"
#include "wasm/engine.h"
#include "wasm/trap.h"
#include "wasm/values.h"

namespace thalo::wasm {

// An answer that is no success. The guest's own well-formed error leaves the instance as it was; an answer that breaks
// the contract or a limit shows a guest that cannot be trusted any longer.
struct BadAnswer {
  base::Error error;
  bool breaks_instance = false;
};

template <class T = void>
using Answer = std::expected<T, BadAnswer>;

// The `result<list<event>, error>` of handle. `command` is the command's name, for the error.
Answer<HandleOutcome> read_handle_answer(const thalo_guest_answer_t& answer, const Limits& limits, const CallName& call,
                                         std::string_view command);

// The `result<_, error>` of apply; `events` are those of the call.
Answer<> read_apply_answer(const thalo_guest_answer_t& answer, const CallName& call,
                           std::span<const model::EventView> events);

// The `result<string, string>` of snapshot.
Answer<std::string> read_snapshot_answer(const RawValue& value, const CallName& call);

// The `result<_, string>` of restore.
Answer<> read_restore_answer(const RawValue& value, const CallName& call);

// The `option<string>` of snapshot-format.
Answer<std::optional<std::string>> read_snapshot_format(const RawValue& value, const CallName& call);

}  // namespace thalo::wasm
