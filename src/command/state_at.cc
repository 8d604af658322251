#include "command/state_at.h"

#include "base/counted.h"
#include "command/slice.h"

namespace thalo::command {
namespace {

using base::Code;
using base::fail;

constexpr std::size_t slice_events = 1000;
constexpr std::size_t slice_bytes = 1 << 20;

}  // namespace

base::Result<StateAt> state_at(store::Store& store, const wasm::Module& module, const wasm::Limits& limits,
                               const model::StreamName& stream, const StateLimits& until,
                               const std::function<bool()>& gone) {
  if (!module.snapshot_format()) {
    return fail(Code::unimplemented, "module '" + module.name() +
                                         "' offers no snapshots, so its state cannot be shown; the SDK's README says "
                                         "how to give it a snapshot format");
  }
  auto version = store.stream_version(stream.view());
  if (!version) return std::unexpected(version.error());
  if (until.version && *until.version > *version) {
    return fail(Code::out_of_range, "stream " + stream.text() + " has " + base::counted(*version, "event") + ", not " +
                                        std::to_string(*until.version));
  }
  auto instance = module.instantiate(limits);
  if (!instance) return std::unexpected(instance.error());
  auto entity = (*instance)->create(stream);
  if (!entity) return std::unexpected(entity.error());

  const std::uint64_t end = until.version.value_or(*version);
  StateAt out;
  while (out.version < end) {
    if (gone()) return fail(Code::cancelled, "the call was cancelled before the state was built");
    Slice slice(slice_events, slice_bytes);
    bool later = false;
    auto read = store.read_stream({.stream = stream.view(),
                                   .from = out.version,
                                   .direction = store::Direction::forwards,
                                   .limit = end - out.version},
                                  [&](const model::EventView& event) {
                                    later = until.time_ms && event.time_ms > *until.time_ms;
                                    return !later && slice.add(event);
                                  });
    if (!read) return std::unexpected(read.error());
    if (slice.events().empty()) break;
    if (auto applied = (*instance)->apply(*entity, slice.views()); !applied) return std::unexpected(applied.error());
    out.version += slice.events().size();
    if (later) break;
  }
  auto state = (*instance)->snapshot(*entity);
  if (!state) return std::unexpected(state.error());
  out.state = *std::move(state);
  return out;
}

}  // namespace thalo::command
