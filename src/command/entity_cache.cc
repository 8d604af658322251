#include "command/entity_cache.h"

namespace thalo::command {

void Entity::forget() {
  seat = Seat();
  flight = std::make_shared<Flight>(stream());
  command_ids = CommandIds();
  version = 0;
}

Entity* EntityCache::find(std::string_view stream, std::uint64_t hash) {
  const Place place = slots_[slot_of(stream, hash)].place;
  if (place == 0) return nullptr;
  Entity& found = entity(place);
  if (used_.newest != place) {
    unlink(list_of(place), place);
    link(used_, place);
  }
  found.is_placeholder = false;
  return &found;
}

Entity* EntityCache::peek(std::string_view stream, std::uint64_t hash) {
  const Place place = slots_[slot_of(stream, hash)].place;
  return place == 0 ? nullptr : &entity(place);
}

Entity& EntityCache::add_placeholder(const model::StreamName& stream, std::uint64_t hash) {
  Entity& added = entity(add_to(placeholders_, stream, hash));
  added.is_placeholder = true;
  return added;
}

EntityCache::Place EntityCache::add_to(List& list, const model::StreamName& stream, std::uint64_t hash) {
  trim(placeholders_);
  trim(used_);
  if (4 * (size_ + 1) > 3 * slots_.size()) grow();
  const Place place = free_place();
  entity(place) = Entity(stream);
  insert({tag_of(hash), place});
  link(list, place);
  ++size_;
  return place;
}

void EntityCache::remove(std::string_view stream) {
  const std::size_t slot = slot_of(stream, store::stream_hash(stream));
  if (slots_[slot].place != 0) erase(slot);
}

void EntityCache::fetch(std::uint64_t hash, std::size_t step) const {
  if (step == 0) return __builtin_prefetch(&slots_[tag_of(hash) & mask()]);
  const Place place = likely_place(hash);
  if (place == 0) return;
  const Entity& entity = this->entity(place);
  switch (step) {
    case 1: {
      const auto* const bytes = reinterpret_cast<const char*>(&entity);
      __builtin_prefetch(bytes);
      __builtin_prefetch(bytes + sizeof(Entity) - 1);
      return __builtin_prefetch(&links_[place]);
    }
    case 2:
      __builtin_prefetch(entity.flight.get());
      __builtin_prefetch(&links_[links_[place].newer]);
      return __builtin_prefetch(&links_[links_[place].older]);
    case 3:
      __builtin_prefetch(entity.stream().shared().address());
      [[fallthrough]];
    default:
      if (entity.seat.usable()) entity.seat.instance().fetch(entity.seat.handle(), step - 3);
  }
}

std::size_t EntityCache::slot_of(std::string_view stream, std::uint64_t hash) const {
  const std::uint32_t tag = tag_of(hash);
  std::size_t at = tag & mask();
  while (slots_[at].place != 0 && (slots_[at].tag != tag || entity(slots_[at].place).stream().view() != stream))
    at = (at + 1) & mask();
  return at;
}

EntityCache::Place EntityCache::likely_place(std::uint64_t hash) const {
  const std::uint32_t tag = tag_of(hash);
  std::size_t at = tag & mask();
  while (slots_[at].place != 0 && slots_[at].tag != tag) at = (at + 1) & mask();
  return slots_[at].place;
}

void EntityCache::insert(Slot slot) {
  std::size_t at = slot.tag & mask();
  while (slots_[at].place != 0) at = (at + 1) & mask();
  slots_[at] = slot;
}

// Moves those behind it up that were only pushed there, so that every search still ends at the first free slot.
void EntityCache::empty_slot(std::size_t at) {
  for (std::size_t next = (at + 1) & mask(); slots_[next].place != 0; next = (next + 1) & mask()) {
    const std::size_t from_home = (next - slots_[next].tag) & mask();
    if (from_home < ((next - at) & mask())) continue;
    slots_[at] = slots_[next];
    at = next;
  }
  slots_[at] = {};
}

void EntityCache::grow() {
  std::vector<Slot> old(2 * slots_.size());
  old.swap(slots_);
  for (const Slot slot : old) {
    if (slot.place != 0) insert(slot);
  }
}

EntityCache::Place EntityCache::free_place() {
  if (free_ != 0) return std::exchange(free_, links_[free_].older);
  const auto place = static_cast<Place>(links_.size());
  links_.emplace_back();
  if (place / chunk_entities == chunks_.size()) chunks_.push_back(std::make_unique<Chunk>());
  return place;
}

void EntityCache::link(List& list, Place place) {
  links_[place] = {.newer = 0, .older = list.newest};
  (list.newest == 0 ? list.oldest : links_[list.newest].newer) = place;
  list.newest = place;
}

void EntityCache::unlink(List& list, Place place) {
  const auto [newer, older] = links_[place];
  (newer == 0 ? list.newest : links_[newer].older) = older;
  (older == 0 ? list.oldest : links_[older].newer) = newer;
}

void EntityCache::erase(std::size_t slot) {
  const Place place = slots_[slot].place;
  unlink(list_of(place), place);
  empty_slot(slot);
  entity(place) = Entity();
  links_[place].older = std::exchange(free_, place);
  --size_;
}

void EntityCache::trim(List& list) {
  // Entities that cannot go are stepped over, but not without end: a handful of steps per addition keeps the cost of
  // one command bounded.
  constexpr int steps_max = 16;
  Place place = list.oldest;
  for (int steps = 0; steps < steps_max && size_ >= capacity_ && place != 0; ++steps) {
    const Place newer = links_[place].newer;
    const Entity& candidate = entity(place);
    if (candidate.state == EntityState::ready && !candidate.has_appends_under_way()) remove(candidate.stream().view());
    place = newer;
  }
}

}  // namespace thalo::command
