// The shard's second half: rebuilding entities from their events.
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
  const bool careful = entity.preparation != nullptr && entity.version >= entity.preparation->careful_from;
  Slice slice(careful ? 1 : options_.replay_slice_events, options_.replay_slice_bytes);
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
  if (auto applied = entity.seat.instance().apply(entity.seat.handle(), slice.views()); !applied) {
    entity.seat.slot().check();
    const model::Position failed_at = entity.version;
    if (slice.events().size() == 1) {
      if (must_slow_down(entity, applied.error())) {
        hand_over(entity);
        return true;
      }
      const model::Event& event = slice.events().front();
      fail_loading(entity, {applied.error().code,
                            "entity " + entity.stream().text() + " is unavailable: its event " +
                                std::to_string(event.position) + " (" + event.type +
                                ") cannot be applied: " + applied.error().message + "; publish a module that can",
                            applied.error().permanent});
      return true;
    }
    entity.forget();
    entity.prepare().careful_from = failed_at;
    start_loading(entity);
    return true;
  }
  for (const model::Event& event : slice.events()) {
    if (const std::string id = command_id_of(event.metadata); !id.empty()) entity.command_ids.note(id, event.position);
  }
  entity.version += slice.events().size();
  note_version(entity);
  if (slice.full()) return false;
  finish_loading(entity);
  return true;
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
