// A wasm engine without wasm, for tests of the command path: its one aggregate is a counter in C++ with the ways of
// failing a guest has. An event Slow takes some of the time of its call.
//
// Commands: Spin (exceeds a limit unless its instance has the full time limit, where it stores one event); Add {n} ->
// Added, or a rejection when the count would go below zero; Nothing -> no events; Trap (breaks the instance); Confuse
// (an error that does not); Poison -> an event whose apply breaks the instance (refused); Many {n} -> n events of 1.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "wasm/engine.h"

namespace thalo::command::testing {

// What tests look at, shared by all instances of a module.
struct FakeStatistics {
  std::atomic<int> instances = 0;
  std::atomic<int> alive_entities = 0;
  std::atomic<int> creates = 0;
  std::atomic<int> applied_events = 0;
  std::atomic<int> apply_calls = 0;
  std::atomic<int> handled = 0;
  std::atomic<int> snapshots = 0;
  std::atomic<int> restores = 0;
  std::atomic<bool> refuse_restore = false;
  std::atomic<bool> slow_restore = false;  // takes as long as Spin
  std::atomic<std::size_t> entity_bytes = 0;
};

// What the command Spin takes.
inline constexpr std::chrono::milliseconds spin_time{500};
// What applying an event Slow takes.
inline constexpr std::chrono::milliseconds slow_event_time{20};

class FakeInstance final : public wasm::Instance {
 public:
  FakeInstance(std::shared_ptr<FakeStatistics> statistics, std::string unappliable, const wasm::Limits& limits)
      : statistics_(std::move(statistics)), unappliable_(std::move(unappliable)), time_(limits.time_per_call) {
    ++statistics_->instances;
  }
  ~FakeInstance() override { statistics_->alive_entities -= static_cast<int>(counts_.size()); }

  base::Result<wasm::EntityHandle> create(const model::StreamName&) override {
    if (broken_) return lost();
    ++statistics_->alive_entities;
    ++statistics_->creates;
    counts_[++last_] = 0;
    return wasm::EntityHandle{last_};
  }

  base::Result<> apply(wasm::EntityHandle entity, std::span<const model::EventView> events) override {
    if (broken_) return lost();
    ++statistics_->apply_calls;
    auto left = time_;
    for (const auto& event : events) {
      if (event.type == "Slow") left -= slow_event_time;
      if (left < left.zero()) return too_slow();
      if (event.type == unappliable_) {
        broken_ = true;
        return base::fail(base::Code::failed_precondition, "wasm trap: cannot apply");
      }
      ++statistics_->applied_events;
      counts_.at(entity.value) += nlohmann::json::parse(event.data).value("n", 0);
    }
    return {};
  }

  base::Result<wasm::HandleOutcome> handle(wasm::EntityHandle entity, const model::Command& command,
                                           std::uint64_t) override {
    if (broken_) return lost();
    ++statistics_->handled;
    const int n = nlohmann::json::parse(command.payload).value("n", 0);
    const int count = counts_.at(entity.value);
    if (command.name == "Add") {
      if (count + n < 0) return model::Rejection{"{\"count\":" + std::to_string(count) + "}"};
      return std::vector<model::NewEvent>{{"Added", "{\"n\":" + std::to_string(n) + "}", ""}};
    }
    if (command.name == "Many")
      return std::vector<model::NewEvent>(static_cast<std::size_t>(n), {"Added", "{\"n\":1}", ""});
    if (command.name == "Nothing") return std::vector<model::NewEvent>{};
    if (command.name == "Poison") return std::vector<model::NewEvent>{{unappliable_, "{}", ""}};
    if (command.name == "Confuse") return base::fail(base::Code::invalid_argument, "payload does not fit");
    if (command.name == "Spin" && time_ < spin_time) return too_slow();
    if (command.name == "Spin") return std::vector<model::NewEvent>{{"Added", "{\"n\":1}", ""}};
    if (command.name == "Trap") {
      broken_ = true;
      return base::fail(base::Code::failed_precondition, "wasm trap: unreachable at count " + std::to_string(count));
    }
    return base::fail(base::Code::invalid_argument, "unknown command " + command.name);
  }

  base::Result<std::string> snapshot(wasm::EntityHandle entity) override {
    ++statistics_->snapshots;
    return std::to_string(counts_.at(entity.value));
  }
  base::Result<> restore(wasm::EntityHandle entity, std::string_view snapshot) override {
    ++statistics_->restores;
    if (statistics_->slow_restore && time_ < spin_time) return too_slow();
    if (statistics_->refuse_restore) return base::fail(base::Code::failed_precondition, "cannot restore");
    counts_.at(entity.value) = std::stoi(std::string(snapshot));
    return {};
  }
  void drop(wasm::EntityHandle entity) override {
    statistics_->alive_entities -= static_cast<int>(counts_.erase(entity.value));
  }
  bool broken() const override { return broken_; }
  bool worn_out() const override { return broken_; }
  std::size_t entities() const override { return counts_.size(); }
  std::size_t memory_bytes() const override { return counts_.size() * statistics_->entity_bytes; }

 private:
  static std::unexpected<base::Error> lost() {
    return base::fail(base::Code::failed_precondition, "the instance is broken");
  }

  std::unexpected<base::Error> too_slow() {
    broken_ = true;
    return base::fail(base::Code::resource_exhausted, "the call used more than its time");
  }

  const std::shared_ptr<FakeStatistics> statistics_;
  const std::string unappliable_;
  const std::chrono::milliseconds time_;
  std::map<std::uint32_t, int> counts_;
  std::uint32_t last_ = 0;
  bool broken_ = false;
};

class FakeModule final : public wasm::Module {
 public:
  // `unappliable` is the event type its entities cannot apply.
  explicit FakeModule(std::string unappliable = "Poisonous", std::optional<std::string> snapshot_format = std::nullopt,
                      std::string digest = "d1")
      : unappliable_(std::move(unappliable)),
        digest_(std::move(digest)),
        snapshot_format_(std::move(snapshot_format)) {}

  const std::string& name() const override { return name_; }
  const std::string& digest() const override { return digest_; }
  wasm::World world() const override { return wasm::World::v1; }
  std::size_t size_bytes() const override { return 0; }
  const std::optional<std::string>& snapshot_format() const override { return snapshot_format_; }
  base::Result<std::unique_ptr<wasm::Instance>> instantiate(const wasm::Limits& limits) const override {
    return std::make_unique<FakeInstance>(statistics_, unappliable_, limits);
  }
  FakeStatistics& statistics() const { return *statistics_; }

 private:
  const std::string unappliable_;
  const std::string name_ = "counter";
  const std::string digest_;
  const std::optional<std::string> snapshot_format_;
  const std::shared_ptr<FakeStatistics> statistics_ = std::make_shared<FakeStatistics>();
};

}  // namespace thalo::command::testing
