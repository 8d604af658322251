#include "command/instance_pool.h"

#include <algorithm>

namespace thalo::command {

void Seat::leave() {
  if (usable()) {
    slot_->instance().drop(handle_);
    slot_->check();
  }
  slot_.reset();
}

InstancePool::InstancePool(const wasm::Limits& limits, const Crowding& crowding)
    : limits_(limits), crowding_(crowding), instance_limits_([&] {
        wasm::Limits crowded = limits;
        crowded.entities_per_instance = std::max(limits.entities_per_instance, crowding.entities_per_instance);
        return crowded;
      }()) {}

std::size_t InstancePool::crowd(std::size_t entities) const {
  return std::max(limits_.entities_per_instance,
                  std::min(entities / crowding_.instances + 1, crowding_.entities_per_instance));
}

bool InstancePool::has_room(const Slot& slot, std::size_t entities) const {
  if (slot.worn_out()) return false;
  const wasm::Instance& instance = slot.instance();
  if (instance.entities() < limits_.entities_per_instance) return true;
  // Large entities are no crowd: they would wear the instance out, and each would have to be rebuilt for it.
  return instance.entities() < crowd(entities) &&
         instance.memory_bytes() < std::min(limits_.memory_retire_bytes, limits_.memory_per_instance_bytes) / 4;
}

// The last instance if it has room. Else, in a crowd, the one in which the fewest seats were given away, and it becomes
// the last. Seats that entities have left are not given away again there: an instance wears out with every entity.
std::shared_ptr<Slot> InstancePool::find_room(std::vector<Opened>& opened, std::size_t entities) const {
  if (opened.empty()) return nullptr;
  const std::size_t seats_max = crowd(entities);
  const bool is_crowd = seats_max > limits_.entities_per_instance;
  const bool last_is_open = !is_crowd || opened.back().seats < seats_max;
  if (auto last = opened.back().slot.lock(); last_is_open && last != nullptr && has_room(*last, entities)) return last;
  if (!is_crowd) return nullptr;
  const auto emptiest = std::ranges::min_element(opened, {}, &Opened::seats);
  auto slot = emptiest->seats < seats_max ? emptiest->slot.lock() : nullptr;
  if (slot == nullptr || !has_room(*slot, entities)) return nullptr;
  std::swap(*emptiest, opened.back());
  return slot;
}

base::Result<Seat> InstancePool::seat(const std::shared_ptr<const wasm::Module>& module,
                                      const model::StreamName& stream, std::size_t entities) {
  std::vector<Opened>& opened = opened_[module.get()];
  std::shared_ptr<Slot> slot = find_room(opened, entities);
  if (slot == nullptr) {
    auto instance = module->instantiate(instance_limits_);
    if (!instance) return std::unexpected(instance.error());
    slot = std::make_shared<Slot>(++instances_made_, module, *std::move(instance));
    std::erase_if(opened, [](const Opened& one) { return one.slot.expired(); });
    if (opened.size() >= crowding_.instances) opened.erase(opened.begin());
    opened.push_back({.slot = slot});
    // Modules come and go with publishing; those of which nothing is left are forgotten here, where it is rare.
    std::erase_if(opened_, [](const auto& entry) {
      return std::ranges::all_of(entry.second, [](const Opened& one) { return one.slot.expired(); });
    });
  }
  auto handle = slot->instance().create(stream);
  if (!handle) {
    slot->check();
    return std::unexpected(handle.error());
  }
  ++opened.back().seats;
  return Seat(std::move(slot), *handle);
}

}  // namespace thalo::command
