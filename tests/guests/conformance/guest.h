// An aggregate's component in the real host, as the scenarios use it. One thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "guests/conformance/scenario.h"
#include "wasm/engine.h"

namespace thalo::conformance {

// Generous: what is checked here is what a guest answers, not how fast. Fuel is not counted.
wasm::Limits limits();

// How stored events reach an entity.
struct Delivery {
  std::string name;
  std::size_t batch = 1;
  // After every step the entity goes on as its snapshot in another instance.
  bool by_snapshot = false;
};

// Nothing when the module answers as the scenario says; otherwise where it does not, with the line.
std::optional<std::string> failure_of(const wasm::Module& module, const Scenario& scenario, const Delivery& delivery);

// One entity.
class Entity {
 public:
  // Makes an instance of its own for it.
  Entity(const wasm::Module& module, std::string_view id);
  base::Result<> apply(const std::vector<Event>& events, std::size_t batch);
  base::Result<wasm::HandleOutcome> handle(const std::string& command, const std::string& payload);
  // The same state in a new instance.
  base::Result<> move_by_snapshot();
  bool broken() const { return instance_->broken(); }

 private:
  const wasm::Module& module_;
  model::StreamName stream_;
  std::unique_ptr<wasm::Instance> instance_;
  wasm::EntityHandle handle_;
  std::uint64_t version_ = 0;
};

}  // namespace thalo::conformance
