#include "command/entity_cache.h"

namespace thalo::command {

void Entity::forget() {
  seat = Seat();
  flight = std::make_shared<Flight>(stream());
  command_ids = CommandIds();
  version = 0;
}

Entity* EntityCache::find(std::string_view stream) {
  const auto found = index_.find(stream);
  if (found == index_.end()) return nullptr;
  const Place entity = *found;
  entities_.splice(entities_.begin(), entity->is_placeholder ? placeholders_ : entities_, entity);
  entity->is_placeholder = false;
  return &*entity;
}

Entity* EntityCache::peek(std::string_view stream) {
  const auto found = index_.find(stream);
  return found == index_.end() ? nullptr : &**found;
}

Entity& EntityCache::add(const model::StreamName& stream) { return add_to(entities_, stream); }

Entity& EntityCache::add_placeholder(const model::StreamName& stream) {
  Entity& entity = add_to(placeholders_, stream);
  entity.is_placeholder = true;
  return entity;
}

Entity& EntityCache::add_to(std::list<Entity>& list, const model::StreamName& stream) {
  trim();
  list.emplace_front(stream);
  index_.insert(list.begin());
  return list.front();
}

void EntityCache::remove(std::string_view stream) {
  const auto found = index_.find(stream);
  if (found == index_.end()) return;
  const Place entity = *found;
  index_.erase(found);
  (entity->is_placeholder ? placeholders_ : entities_).erase(entity);
}

void EntityCache::trim() {
  trim(placeholders_);
  trim(entities_);
}

void EntityCache::trim(std::list<Entity>& list) {
  // Entities that cannot go are stepped over, but not without end: a handful of steps per addition keeps the cost of
  // one command bounded.
  constexpr int steps_max = 16;
  auto candidate = list.end();
  for (int steps = 0; steps < steps_max && index_.size() >= capacity_ && candidate != list.begin(); ++steps) {
    --candidate;
    if (candidate->state != EntityState::ready || candidate->has_appends_under_way()) continue;
    index_.erase(candidate);
    candidate = list.erase(candidate);
  }
}

}  // namespace thalo::command
