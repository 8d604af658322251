#include "command/instance_pool.h"

namespace thalo::command {

void Seat::leave() {
  if (usable()) {
    slot_->instance().drop(handle_);
    slot_->check();
  }
  slot_.reset();
}

base::Result<Seat> InstancePool::seat(const std::shared_ptr<const wasm::Module>& module,
                                      const model::StreamName& stream) {
  auto& open = open_[module.get()];
  std::shared_ptr<Slot> slot = open.lock();
  if (slot == nullptr || slot->worn_out() || slot->module() != module ||
      slot->instance().entities() >= limits_.entities_per_instance) {
    auto instance = module->instantiate(limits_);
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
