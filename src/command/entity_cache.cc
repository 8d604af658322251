#include "command/entity_cache.h"

namespace thalo::command {

void Entity::forget() {
  seat = Seat();
  flight.reset();
  command_ids = CommandIds();
  version = 0;
}

Entity* EntityCache::find(std::string_view stream) {
  const auto found = index_.find(stream);
  if (found == index_.end()) return nullptr;
  entities_.splice(entities_.begin(), entities_, *found);
  return &**found;
}

Entity* EntityCache::peek(std::string_view stream) {
  const auto found = index_.find(stream);
  return found == index_.end() ? nullptr : &**found;
}

Entity& EntityCache::add(const model::StreamName& stream) {
  trim();
  entities_.emplace_front(stream);
  index_.insert(entities_.begin());
  return entities_.front();
}

void EntityCache::remove(std::string_view stream) {
  const auto found = index_.find(stream);
  if (found == index_.end()) return;
  const auto entity = *found;
  index_.erase(found);
  entities_.erase(entity);
}

void EntityCache::trim() {
  // Entities that cannot go are stepped over, but not without end: a handful of steps per addition keeps the cost of
  // one command bounded.
  constexpr int steps_max = 16;
  auto candidate = entities_.end();
  for (int steps = 0; steps < steps_max && index_.size() >= capacity_ && candidate != entities_.begin(); ++steps) {
    --candidate;
    if (candidate->state != EntityState::ready || candidate->has_appends_under_way()) continue;
    index_.erase(candidate);
    candidate = entities_.erase(candidate);
  }
}

}  // namespace thalo::command
