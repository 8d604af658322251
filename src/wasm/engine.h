// The wasm host as the rest of the project sees it: an engine loads modules, a module makes instances, an instance
// hosts entities.
//
// Only this folder includes Wasmtime; tests of other folders implement these interfaces with a fake. Errors are values:
// a guest that traps, runs out of a limit or breaks the contract is an Error and a broken instance, never an exception
// and never a crash.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "model/command.h"
#include "model/event.h"

namespace thalo::wasm {

// What a guest may use. Every limit is enforced; exceeding one breaks the instance, and the error names the limit and
// its value.
struct Limits {
  std::chrono::milliseconds time_per_call{1000};         // processor time, looked at every 10 ms
  std::string_view time_limit_flag = "--time-limit-ms";  // the setting it comes from, for the error; a literal
  std::uint64_t fuel_per_call = 1'000'000'000;           // about one per wasm instruction; 0: not counted
  std::size_t memory_per_instance_bytes = 64u << 20;     // all linear memories of one instance
  std::size_t events_per_command = 1000;
  std::size_t event_size_bytes = 1u << 20;   // type and payload of one event
  std::size_t entities_per_instance = 1000;  // alive in one instance at a time
  // An instance that has grown by more than this since its start, or by half of what it may, is worn out: its entities
  // move on at their next use, long before one of them meets the limit.
  std::size_t memory_retire_bytes = 32u << 20;
};

// Which contract a module speaks: `thalo:aggregate` 1.x (wit/aggregate.wit), or the world of Thalo 0.8
// (wit/aggregate-0.8.wit).
enum class World : std::uint8_t { v0_8, v1 };

// An entity alive in one instance. A plain number: it means nothing to another instance and nothing after drop or a
// broken instance.
struct EntityHandle {
  std::uint32_t value = 0;
  friend bool operator==(EntityHandle, EntityHandle) = default;
};

// What `handle` says: events to store (maybe none), or a refusal by the entity's own rules.
using HandleOutcome = std::variant<std::vector<model::NewEvent>, model::Rejection>;

// One wasm instance and the entities in it. Confined to one thread at a time. Every failing call says in broken()
// whether the instance is lost with it; a lost instance answers every call with FAILED_PRECONDITION.
class Instance {
 public:
  virtual ~Instance() = default;

  // Makes an entity with no events. `stream` is what its log lines carry and what seeds the guest's random numbers.
  virtual base::Result<EntityHandle> create(const model::StreamName& stream) = 0;

  // Applies stored events in order, in one call into the guest. FAILED_PRECONDITION names the type and position of the
  // event it could not take where the guest says so; the entity must then be dropped.
  virtual base::Result<> apply(EntityHandle entity, std::span<const model::EventView> events) = 0;

  // Asks what `command` would do to an entity that has `version` events. Every event of the answer has been checked: a
  // legal type, at most the limits' size, JSON data. INVALID_ARGUMENT: the guest does not know the command or cannot
  // read its payload.
  virtual base::Result<HandleOutcome> handle(EntityHandle entity, const model::Command& command,
                                             std::uint64_t version) = 0;

  // The entity's state as the module gives it; UNIMPLEMENTED when Module::snapshot_format() has no value.
  virtual base::Result<std::string> snapshot(EntityHandle entity) = 0;
  // Puts a fresh entity into the state of a snapshot. A failure leaves the entity to be dropped.
  virtual base::Result<> restore(EntityHandle entity, std::string_view snapshot) = 0;

  virtual void drop(EntityHandle entity) = 0;

  // For a call that comes soon: has what the entity needs brought up from memory, in steps, each for what the one
  // before has found.
  static constexpr std::size_t fetch_steps = 2;
  virtual void fetch(EntityHandle /*entity*/, std::size_t /*step*/) const {}

  // A call failed in a way that loses the instance. Its memory has been given back.
  virtual bool broken() const = 0;
  // Has made as many entities as one instance may, or has grown past memory_retire_bytes: create() refuses.
  virtual bool worn_out() const = 0;
  virtual std::size_t entities() const = 0;
  virtual std::size_t memory_bytes() const = 0;
};

// A loaded component: immutable, shared by all threads.
class Module {
 public:
  virtual ~Module() = default;
  virtual const std::string& name() const = 0;    // as given to load
  virtual const std::string& digest() const = 0;  // SHA-256 of the component's bytes, lower-case hex
  virtual World world() const = 0;
  virtual std::size_t size_bytes() const = 0;
  // The guest's name for the shape of its snapshots; no value: it offers none; empty: bound to the digest.
  virtual const std::optional<std::string>& snapshot_format() const = 0;
  virtual base::Result<std::unique_ptr<Instance>> instantiate(const Limits& limits) const = 0;
};

class Engine {
 public:
  virtual ~Engine() = default;
  // Compiles (or takes from the cache) and checks a component. INVALID_ARGUMENT says what is wrong with it: no
  // component, another world (what is missing, what it exports), too large.
  virtual base::Result<std::shared_ptr<const Module>> load(std::string name, std::string_view component) = 0;
  // Ends what compiles in a process of its own, soon: its load, and every later one that must compile, is UNAVAILABLE.
  // Any thread.
  virtual void stop_compiling() {}
};

}  // namespace thalo::wasm
