// An entity's state at some point of its stream, as its module shows it in a snapshot.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "model/stream_name.h"
#include "store/store.h"
#include "wasm/engine.h"

namespace thalo::command {

struct StateAt {
  std::uint64_t version = 0;  // the number of events the state comes from
  std::string state;          // as the module gives it
};

// Which events count: those before `version`, and those up to `time_ms` inclusive.
struct StateLimits {
  std::optional<std::uint64_t> version;
  std::optional<std::int64_t> time_ms;
};

// Replays the events in an instance of its own and asks for a snapshot. UNIMPLEMENTED: the module offers none.
// OUT_OF_RANGE: the stream has fewer events. CANCELLED: `gone`, asked now and then, said that nobody waits any more.
// Any thread; blocks.
base::Result<StateAt> state_at(store::Store& store, const wasm::Module& module, const wasm::Limits& limits,
                               const model::StreamName& stream, const StateLimits& until,
                               const std::function<bool()>& gone);

}  // namespace thalo::command
