#include "wasm/guest_store.h"

#include <ctime>
#include <limits>

namespace thalo::wasm {
namespace {

using base::Code;
using base::fail;

// Bounds on what one component may consist of; its memories are bounded together by their account.
constexpr thalo_store_bounds_t bounds{
    .table_elements_max = 100'000, .instances_max = 100, .tables_max = 20, .memories_max = 20};

// What this thread has computed. A guest never waits, so its time is the processor's: on a busy machine a call that is
// kept waiting is not a call that takes long.
std::chrono::nanoseconds thread_time() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

// Runs on the guest's thread at every epoch of a call. The clock is first read here, since most calls are over before:
// a call may take up to one epoch more than its limit.
wasmtime_error_t* on_epoch(wasmtime_context_t*, void* data, std::uint64_t* more_epochs,
                           wasmtime_update_deadline_kind_t* kind) {
  auto& state = *static_cast<StoreState*>(data);
  const auto now = thread_time();
  if (!state.timed_since) state.timed_since = now;
  if (now - *state.timed_since >= state.limits.time_per_call) {
    state.out_of_time = true;
    return wasmtime_error_new("out of time");
  }
  *more_epochs = 1;
  *kind = WASMTIME_UPDATE_DEADLINE_CONTINUE;
  return nullptr;
}

}  // namespace

base::Result<std::unique_ptr<GuestStore>> GuestStore::make(std::shared_ptr<const LoadedComponent> component,
                                                           const Limits& limits) {
  std::unique_ptr<GuestStore> store(new GuestStore(std::move(component), limits));
  if (auto ok = store->instantiate(); !ok) return std::unexpected(ok.error());
  return store;
}

GuestStore::GuestStore(std::shared_ptr<const LoadedComponent> component, const Limits& limits)
    : component_(std::move(component)),
      state_(component_->log, limits),
      store_(wasmtime_store_new(component_->core->engine(), &state_, nullptr)),
      context_(wasmtime_store_context(store_.get())) {
  thalo_store_limit(store_.get(), &state_.memory, &bounds);
  wasmtime_store_epoch_deadline_callback(store_.get(), on_epoch, &state_, nullptr);
}

base::Result<> GuestStore::instantiate() {
  return run({.function = "start"}, [this](wasmtime_context_t* context) {
    return wasmtime_component_linker_instantiate(component_->linker.get(), context, component_->component.get(),
                                                 &instance_);
  });
}

base::Result<GuestHandle> GuestStore::find_entity_functions() {
  const ContractFunctions& indices = component_->functions;
  auto apply = find(indices.apply, "apply");
  if (!apply) return std::unexpected(apply.error());
  auto handle = find(indices.handle, "handle");
  if (!handle) return std::unexpected(handle.error());
  thalo_guest_t* guest = nullptr;
  const bool has_context = component_->contract.world == World::v1;
  if (const ErrorHandle error(thalo_guest_new(context_, &*apply, &*handle, has_context, &guest)); error != nullptr) {
    return fail(Code::internal,
                "module '" + component_->name + "' is not of the type that was checked: " + innermost_cause(*error));
  }
  return GuestHandle(guest);
}

base::Result<GuestStore::Function> GuestStore::find(const ExportIndexHandle& index, std::string_view name) {
  Function function;
  if (index == nullptr || !wasmtime_component_instance_get_func(&instance_, context_, index.get(), &function)) {
    return fail(Code::internal, "module '" + component_->name + "' has no function " + std::string(name) +
                                    " although its type says so");
  }
  return function;
}

void GuestStore::arm(const Call& about) {
  state_.begin_call(about.stream, about.version, about.time_ms);
  wasmtime_context_set_epoch_deadline(context_, 1);
  const std::uint64_t fuel = state_.limits.fuel_per_call;
  const ErrorHandle cannot_fail(
      wasmtime_context_set_fuel(context_, fuel == 0 ? std::numeric_limits<std::uint64_t>::max() : fuel));
}

base::Result<> GuestStore::finish(ErrorHandle error, const Call& about) {
  state_.end_call();
  if (error == nullptr) return {};
  std::uint64_t fuel_left = 0;
  const ErrorHandle cannot_fail(wasmtime_context_get_fuel(context_, &fuel_left));
  return lose(describe_failure(*error, state_, fuel_left, name_of(about)));
}

base::Result<> GuestStore::call(const Function& function, std::span<const RawValue> arguments,
                                std::span<RawValue> results, const Call& about) {
  return run(about, [&](wasmtime_context_t* context) {
    return wasmtime_component_func_call(&function, context, arguments.data(), arguments.size(), results.data(),
                                        results.size());
  });
}

base::Result<> GuestStore::drop(const wasmtime_component_resource_any_t& resource, std::string_view stream) {
  return run({.function = "drop", .stream = stream}, [&resource](wasmtime_context_t* context) {
    return wasmtime_component_resource_any_drop(context, &resource);
  });
}

std::unexpected<base::Error> GuestStore::lose(base::Error error) {
  lost_because_ = error.message;
  store_.reset();
  state_.memory.size_bytes = 0;
  context_ = nullptr;
  return std::unexpected(std::move(error));
}

std::unexpected<base::Error> GuestStore::lost_error() const {
  return fail(Code::failed_precondition,
              "module '" + component_->name + "': the instance is lost since " + lost_because_);
}

}  // namespace thalo::wasm
