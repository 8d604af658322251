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

bool InstancePool::has_room(const Slot& slot, std::size_t entities) const {
  if (slot.worn_out()) return false;
  const wasm::Instance& instance = slot.instance();
  if (instance.entities() < limits_.entities_per_instance) return true;
  // Large entities are no crowd: they would wear the instance out, and each would have to be rebuilt for it.
  return entities >= crowding_.entities_min && instance.entities() < crowding_.entities_per_instance &&
         instance.memory_bytes() < std::min(limits_.memory_retire_bytes, limits_.memory_per_instance_bytes) / 4;
}

base::Result<Seat> InstancePool::seat(const std::shared_ptr<const wasm::Module>& module,
                                      const model::StreamName& stream, std::size_t entities) {
  auto& open = open_[module.get()];
  std::shared_ptr<Slot> slot = open.lock();
  if (slot == nullptr || slot->module() != module || !has_room(*slot, entities)) {
    auto instance = module->instantiate(instance_limits_);
    if (!instance) return std::unexpected(instance.error());
    slot = std::make_shared<Slot>(++instances_made_, module, *std::move(instance));
    open = slot;
    // Modules come and go with publishing; what points at nothing is forgotten here, where it is rare.
    std::erase_if(open_, [](const auto& entry) { return entry.second.expired(); });
  }
  auto handle = slot->instance().create(stream);
  if (!handle) {
    slot->check();
    return std::unexpected(handle.error());
  }
  return Seat(std::move(slot), *handle);
}

}  // namespace thalo::command
