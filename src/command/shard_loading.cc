// The shard's second half: rebuilding entities from their events.
#include <algorithm>
#include <utility>

#include "command/metadata.h"
#include "command/shard.h"
#include "command/slice.h"

namespace thalo::command {
namespace {

using base::Code;

}  // namespace

void Shard::rebuild(Entity& entity) {
  if (entity.has_appends_under_way()) {
    if (waiting_bytes_ > options_.queue_bytes_max) return refuse_waiting(entity, no_room());
    // Its events are not all readable yet. The committer wakes this shard once they are, unless they have become so
    // just now.
    entity.flight->wake_wanted.store(true);
    if (entity.has_appends_under_way() || !entity.flight->wake_wanted.exchange(false)) {
      entity.state = EntityState::settling;
      ++settling_;
      return;
    }
  }
  entity.forget();
  start_loading(entity);
}

void Shard::start_loading(Entity& entity) {
  if (is_slow(entity)) return hand_over(entity);
  entity.state = EntityState::loading;
  const auto* module = current_module(entity.stream().category());
  if (module == nullptr) {
    return fail_loading(
        entity, {Code::not_found, "no aggregate named '" + std::string(entity.stream().category()) + "' is loaded"});
  }
  auto seat = instances_.seat(*module, entity.stream(), entities_.size());
  if (!seat) {
    if (must_slow_down(entity, seat.error())) return hand_over(entity);
    return fail_loading(entity, seat.error());
  }
  entity.seat = *std::move(seat);
  if (!restore_snapshot(entity)) return;
  // Most streams are shorter than a slice and ready at once; a longer one takes its turn with the others.
  const base::SharedText stream = entity.stream().shared();
  if (load_slice(entity)) return;
  if (waiting_bytes_ > options_.queue_bytes_max) return fail_loading(entity, no_room());
  loading_.push_back(stream);
}

void Shard::load_some() {
  // One slice for each entity that is loading, then the commands that came meanwhile. When its callers have gone a load
  // goes on, or those who wait for less time than it takes would never find it done; not when nobody comes any more.
  const bool stopping = !loading_.empty() && inbox_.closed();
  for (std::size_t turns = loading_.size(); turns > 0; --turns) {
    base::SharedText stream = std::move(loading_.front());
    loading_.pop_front();
    Entity* entity = entities_.find(stream);
    if (entity == nullptr || entity->state != EntityState::loading) continue;
    if (stopping && is_abandoned(*entity)) {
      give_up_loading(*entity);
    } else if (!load_slice(*entity)) {
      loading_.push_back(std::move(stream));
    }
  }
}

bool Shard::load_slice(Entity& entity) {
  const model::Position careful_from = entity.preparation == nullptr ? UINT64_MAX : entity.preparation->careful_from;
  const std::uint64_t events_max = entity.version < careful_from ? careful_from - entity.version : 1;
  Slice slice(std::min<std::uint64_t>(options_.replay_slice_events, events_max), options_.replay_slice_bytes);
  auto read = store_.read_stream({.stream = entity.stream().view(),
                                  .from = entity.version,
                                  .direction = store::Direction::forwards,
                                  .limit = UINT64_MAX,
                                  .append_follows = true},
                                 [&](const model::EventView& event) { return slice.add(event); });
  if (!read) {
    fail_loading(entity, read.error());
    return true;
  }
  if (slice.events().empty()) {
    finish_loading(entity);
    return true;
  }
  // Another entity of the same instance may have broken it between two slices.
  if (!entity.seat.usable()) {
    rebuild(entity);
    return true;
  }
  const std::vector<model::EventView> views = slice.views();
  const auto begun = std::chrono::steady_clock::now();
  std::size_t applied_events = 0;
  for (std::span<const model::EventView> rest = views; !rest.empty();) {
    const auto events = rest.first(std::min(rest.size(), options_.replay_call_events));
    if (auto applied = entity.seat.instance().apply(entity.seat.handle(), events); !applied) {
      fail_replay(entity, events, applied.error());
      return true;
    }
    entity.version += events.size();
    applied_events += events.size();
    rest = rest.subspan(events.size());
    if (std::chrono::steady_clock::now() - begun >= options_.replay_slice_time) break;
  }
  for (const model::EventView& event : std::span(views).first(applied_events)) {
    if (const std::string id = command_id_of(event.metadata); !id.empty()) entity.command_ids.note(id, event.position);
  }
  note_version(entity);
  if (slice.full() || applied_events < views.size()) return false;
  finish_loading(entity);
  return true;
}

void Shard::fail_replay(Entity& entity, std::span<const model::EventView> events, const base::Error& error) {
  entity.seat.slot().check();
  if (must_slow_down(entity, error)) return hand_over(entity);
  if (events.size() == 1) {
    const model::EventView& event = events.front();
    return fail_loading(entity, {error.code,
                                 "entity " + entity.stream().text() + " is unavailable: its event " +
                                     std::to_string(event.position) + " (" + std::string(event.type) +
                                     ") cannot be applied: " + error.message + "; publish a module that can",
                                 error.permanent});
  }
  const model::Position failed_at = entity.version;
  entity.forget();
  entity.prepare().careful_from = failed_at;
  start_loading(entity);
}

void Shard::give_up_loading(Entity& entity) {
  std::vector<Task> waiting = take_waiting(entity);
  const base::SharedText stream = entity.stream().shared();
  entities_.remove(stream);
  for (Task& task : waiting) take(std::move(task));
}

void Shard::fail_loading(Entity& entity, const base::Error& error) {
  refuse_waiting(entity, error);
  const base::SharedText stream = entity.stream().shared();
  entities_.remove(stream);
}

void Shard::finish_loading(Entity& entity) {
  entity.state = EntityState::ready;
  std::vector<Task> waiting = take_waiting(entity);
  entity.preparation.reset();
  // Through take() again: one of them may break the entity for those behind it.
  for (Task& task : waiting) take(std::move(task));
}

}  // namespace thalo::command
