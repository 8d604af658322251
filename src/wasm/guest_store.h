// One Wasmtime store with one instance of a component in it, and how to call it under limits. Confined to one thread at
// a time.
//
// The first failure that the guest cannot be trusted after loses the store: its memory is given back at once and every
// later call fails.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "wasm/handles.h"
#include "wasm/loaded_component.h"
#include "wasm/store_state.h"
#include "wasm/trap.h"
#include "wasm/values.h"

namespace thalo::wasm {

class GuestStore {
 public:
  using Function = wasmtime_component_func_t;

  // Makes the store and instantiates the component under `limits`.
  static base::Result<std::unique_ptr<GuestStore>> make(std::shared_ptr<const LoadedComponent> component,
                                                        const Limits& limits);
  GuestStore(const GuestStore&) = delete;
  GuestStore& operator=(const GuestStore&) = delete;

  // The function of this instance at an index of its component.
  base::Result<Function> find(const ExportIndexHandle& index, std::string_view name);

  // The functions that every command needs, to be called with their own types (thalo_guest.h) through run().
  base::Result<GuestHandle> find_entity_functions();

  // What the next call is about. `stream` lives until the call is over.
  struct Call {
    std::string_view function = {};
    std::string_view stream = {};
    std::uint64_t version = 0;
    std::int64_t time_ms = 0;
  };
  // Runs `work`, which calls the guest once, under the limits, and answers with an error or null. A failure loses the
  // store.
  template <class Work>
  base::Result<> run(const Call& about, Work&& work) {
    if (lost()) return lost_error();
    arm(about);
    return finish(ErrorHandle(work(context_)), about);
  }
  // Calls a function with dynamic values: for what is called rarely.
  base::Result<> call(const Function& function, std::span<const RawValue> arguments, std::span<RawValue> results,
                      const Call& about);
  // Destroys a resource of the guest, which runs its destructor.
  base::Result<> drop(const wasmtime_component_resource_any_t& resource, std::string_view stream);

  // Gives up the store because of `error` and passes the error on.
  std::unexpected<base::Error> lose(base::Error error);
  bool lost() const { return store_ == nullptr; }
  // What every call on a lost store answers.
  std::unexpected<base::Error> lost_error() const;

  const LoadedComponent& component() const { return *component_; }
  const Limits& limits() const { return state_.limits; }
  std::size_t memory_bytes() const { return state_.memory.size_bytes; }
  CallName name_of(const Call& about) const { return {about.function, component_->name, about.stream}; }

 private:
  GuestStore(std::shared_ptr<const LoadedComponent> component, const Limits& limits);
  base::Result<> instantiate();
  void arm(const Call& about);
  base::Result<> finish(ErrorHandle error, const Call& about);

  std::shared_ptr<const LoadedComponent> component_;
  StoreState state_;
  StoreHandle store_;  // after state_: the store books its memories on the account there
  wasmtime_context_t* context_ = nullptr;
  wasmtime_component_instance_t instance_{};
  std::string lost_because_;
};

}  // namespace thalo::wasm
