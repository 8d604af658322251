// The wasm instances of one shard: which instance a new entity goes to, and what becomes of an instance that broke.
//
// Confined to its shard's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/stream_name.h"
#include "wasm/engine.h"

namespace thalo::command {

// An instance and the module it was made of. Entities share it; it dies with the last of them.
class Slot {
 public:
  Slot(std::uint64_t number, std::shared_ptr<const wasm::Module> module, std::unique_ptr<wasm::Instance> instance)
      : number_(number), module_(std::move(module)), instance_(std::move(instance)) {}

  // Counts the instances of a shard, from 1.
  std::uint64_t number() const { return number_; }

  // False once a call broke the instance: its memory is given back at once, its entities are to be rebuilt elsewhere.
  bool usable() const { return instance_ != nullptr; }
  bool worn_out() const { return instance_ == nullptr || instance_->worn_out(); }
  // Only while usable().
  wasm::Instance& instance() const { return *instance_; }
  const std::shared_ptr<const wasm::Module>& module() const { return module_; }

  // To be called after a failed call: lets go of an instance that broke.
  void check() {
    if (instance_ != nullptr && instance_->broken()) instance_.reset();
  }

 private:
  const std::uint64_t number_;
  const std::shared_ptr<const wasm::Module> module_;
  std::unique_ptr<wasm::Instance> instance_;
};

// An entity's place in an instance: leaving it drops the entity there.
class Seat {
 public:
  Seat() = default;
  Seat(std::shared_ptr<Slot> slot, wasm::EntityHandle handle) : slot_(std::move(slot)), handle_(handle) {}
  Seat(Seat&& other) noexcept : slot_(std::exchange(other.slot_, nullptr)), handle_(other.handle_) {}
  Seat& operator=(Seat&& other) noexcept {
    if (this != &other) {
      leave();
      slot_ = std::exchange(other.slot_, nullptr);
      handle_ = other.handle_;
    }
    return *this;
  }
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;
  ~Seat() { leave(); }

  bool taken() const { return slot_ != nullptr; }
  bool usable() const { return slot_ != nullptr && slot_->usable(); }
  // Only while taken().
  Slot& slot() const { return *slot_; }
  wasm::Instance& instance() const { return slot_->instance(); }
  wasm::EntityHandle handle() const { return handle_; }
  void leave();

 private:
  std::shared_ptr<Slot> slot_;
  wasm::EntityHandle handle_;
};

// A shard with very many entities puts more of them into an instance: every instance has memory of its own that a
// command goes through, and that of many is more than a processor's caches hold. The price is paid when an instance
// breaks: that share of the entities is rebuilt.
struct Crowding {
  std::size_t instances = 16;                  // that the entities are to fit into
  std::size_t entities_per_instance = 32'000;  // the most; not when Limits::entities_per_instance is more
};

class InstancePool {
 public:
  InstancePool(const wasm::Limits& limits, const Crowding& crowding);

  // A fresh entity of `module`, in an instance that has room or in a new one. `entities` is how many the shard has.
  base::Result<Seat> seat(const std::shared_ptr<const wasm::Module>& module, const model::StreamName& stream,
                          std::size_t entities);

 private:
  struct Opened {
    std::weak_ptr<Slot> slot;
    std::size_t seats = 0;  // that were given away in it
  };

  // How many may be in an instance of a shard that has `entities`.
  std::size_t crowd(std::size_t entities) const;
  bool has_room(const Slot& slot, std::size_t entities) const;
  std::shared_ptr<Slot> find_room(std::vector<Opened>& opened, std::size_t entities) const;

  const wasm::Limits limits_;
  const Crowding crowding_;
  const wasm::Limits instance_limits_;  // what an instance is made with
  std::uint64_t instances_made_ = 0;
  // The instances per module; the last one takes new entities. All live through their entities alone.
  std::unordered_map<const wasm::Module*, std::vector<Opened>> opened_;
};

}  // namespace thalo::command
