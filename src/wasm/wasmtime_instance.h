// The entities of one guest store.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "wasm/answer.h"
#include "wasm/engine.h"
#include "wasm/guest_store.h"

namespace thalo::wasm {

class WasmtimeInstance final : public Instance {
 public:
  static base::Result<std::unique_ptr<WasmtimeInstance>> make(std::shared_ptr<const LoadedComponent> component,
                                                              const Limits& limits);

  base::Result<EntityHandle> create(const model::StreamName& stream) override;
  base::Result<> apply(EntityHandle entity, std::span<const model::EventView> events) override;
  base::Result<HandleOutcome> handle(EntityHandle entity, const model::Command& command,
                                     std::uint64_t version) override;
  base::Result<std::string> snapshot(EntityHandle entity) override;
  base::Result<> restore(EntityHandle entity, std::string_view snapshot) override;
  void drop(EntityHandle entity) override;
  void fetch(EntityHandle entity, std::size_t step) const override;

  bool broken() const override { return store_->lost(); }
  bool worn_out() const override;
  std::size_t entities() const override { return alive_; }
  std::size_t memory_bytes() const override { return store_->memory_bytes(); }

 private:
  // A place for an entity. The generation tells a handle of an entity that is gone from one of the entity now in its
  // place.
  struct Slot {
    ResourceHandle resource;
    base::SharedText stream;
    std::uint32_t generation = 0;
  };
  struct Functions {
    GuestStore::Function constructor, snapshot, restore;
  };

  explicit WasmtimeInstance(std::unique_ptr<GuestStore> store);
  base::Result<> find_functions();
  base::Result<Slot*> find(EntityHandle entity);
  EntityHandle put(ResourceHandle resource, const base::SharedText& stream);
  base::Result<> snapshots_offered() const;

  // The error of a bad answer; loses the store where the answer calls for it.
  std::unexpected<base::Error> give_up(BadAnswer bad);

  std::unique_ptr<GuestStore> store_;
  const std::size_t retire_bytes_;  // of memory, at which the instance is worn out
  GuestHandle guest_;               // apply and handle, which every command needs
  Functions functions_{};
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_slots_;
  std::size_t alive_ = 0;
  std::uint64_t created_ = 0;

  std::vector<thalo_guest_event_t> event_texts_;  // arguments of apply, kept from call to call for their memory
};

}  // namespace thalo::wasm
