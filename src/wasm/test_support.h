// What the tests of this folder share: one engine, and short ways to load a guest and to talk to a counter.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "guests/guests.h"
#include "wasm/wasmtime_engine.h"

namespace thalo::wasm::testing {

using base::Code;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

inline Engine& engine() {
  static const std::unique_ptr<Engine> instance = make_wasmtime_engine({}).value();
  return *instance;
}

inline std::shared_ptr<const Module> load(const std::string& component, const std::string& name = "counter") {
  auto module = engine().load(name, component);
  if (!module) throw std::runtime_error(module.error().message);
  return *module;
}

// The counters of both worlds, compiled once.
inline const Module& counter_v1() {
  static const auto module = load(guests::counter());
  return *module;
}
inline const Module& counter_v0_8() {
  static const auto module = load(guests::counter_v0_8());
  return *module;
}

inline std::unique_ptr<Instance> instantiate(const Module& module, const Limits& limits = {}) {
  auto instance = module.instantiate(limits);
  if (!instance) throw std::runtime_error(instance.error().message);
  return std::move(*instance);
}

inline model::StreamName stream(std::string_view id = "a") { return model::StreamName::make("counter", id).value(); }

inline model::Command command(std::string name, std::string payload = "{}") {
  return {stream(), std::move(name), std::move(payload), "", "", "", ""};
}

// An entity of a counter: each call is one call into the guest.
class Counter {
 public:
  explicit Counter(Instance& instance, std::string_view id = "a")
      : instance_(instance), entity_(instance.create(stream(id)).value()) {}

  base::Result<HandleOutcome> handle(std::string name, std::string payload = "{}") {
    return instance_.handle(entity_, command(std::move(name), std::move(payload)), version_);
  }
  // The events of an accepted command.
  std::vector<model::NewEvent> events(std::string name, std::string payload = "{}") {
    auto outcome = handle(std::move(name), std::move(payload));
    if (!outcome) throw std::runtime_error(outcome.error().message);
    return std::get<std::vector<model::NewEvent>>(*outcome);
  }
  base::Error error(std::string name, std::string payload = "{}") {
    auto outcome = handle(std::move(name), std::move(payload));
    return outcome ? base::Error{} : outcome.error();
  }
  base::Result<> apply(const std::vector<std::pair<std::string, std::string>>& events) {
    std::vector<model::EventView> views;
    for (const auto& [type, data] : events) {
      model::EventView view;
      view.position = version_ + views.size();
      view.type = type;
      view.data = data;
      views.push_back(view);
    }
    auto applied = instance_.apply(entity_, views);
    if (applied) version_ += views.size();
    return applied;
  }
  base::Result<> increment(int amount) {
    return apply({{"Incremented", "{\"amount\":" + std::to_string(amount) + "}"}});
  }
  std::string count() { return events("report").at(0).data; }
  EntityHandle entity() const { return entity_; }

 private:
  Instance& instance_;
  EntityHandle entity_;
  std::uint64_t version_ = 0;
};

}  // namespace thalo::wasm::testing
