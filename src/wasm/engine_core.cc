#include "wasm/engine_core.h"

#include <system_error>

#include "wasm/trap.h"

namespace thalo::wasm {
namespace {

using base::Code;

// What a guest may do on the native stack; a deeper recursion traps. Every thread that calls guests has far more.
constexpr std::size_t stack_size_bytes_max = 512u << 10;

wasm_config_t* make_config() {
  wasm_config_t* config = wasm_config_new();
  wasmtime_config_epoch_interruption_set(config, true);
  wasmtime_config_consume_fuel_set(config, true);
  wasmtime_config_wasm_component_model_set(config, true);
  wasmtime_config_concurrency_support_set(config, false);  // calls are synchronous
  wasmtime_config_max_wasm_stack_set(config, stack_size_bytes_max);
  // The same events must give the same state on any machine.
  wasmtime_config_cranelift_nan_canonicalization_set(config, true);
  wasmtime_config_wasm_relaxed_simd_deterministic_set(config, true);
  return config;
}

}  // namespace

base::Result<std::shared_ptr<const EngineCore>> EngineCore::start() {
  EngineHandle engine(wasm_engine_new_with_config(make_config()));
  if (engine == nullptr) return base::fail(Code::unavailable, "Wasmtime could not be started on this machine");
  std::shared_ptr<EngineCore> core(new EngineCore(std::move(engine)));
  try {
    core->ticker_ = std::thread([raw = core.get()] { raw->advance_epochs(); });
  } catch (const std::system_error& error) {
    return base::fail(Code::unavailable,
                      std::string("cannot start the thread that measures the guests' time: ") + error.what());
  }
  return core;
}

EngineCore::EngineCore(EngineHandle engine) : engine_(std::move(engine)) {}

EngineCore::~EngineCore() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (ticker_.joinable()) ticker_.join();
}

base::Result<ComponentHandle> EngineCore::compile(std::string_view component) const {
  wasmtime_component_t* raw = nullptr;
  const ErrorHandle error(wasmtime_component_new(engine_.get(), reinterpret_cast<const std::uint8_t*>(component.data()),
                                                 component.size(), &raw));
  if (error == nullptr) return ComponentHandle(raw);
  return base::fail(Code::invalid_argument, "it is not a valid component: " + innermost_cause(*error));
}

base::Result<ComponentHandle> EngineCore::deserialize(std::string_view artifact) const {
  wasmtime_component_t* raw = nullptr;
  const ErrorHandle error(wasmtime_component_deserialize(
      engine_.get(), reinterpret_cast<const std::uint8_t*>(artifact.data()), artifact.size(), &raw));
  if (error == nullptr) return ComponentHandle(raw);
  return base::fail(Code::internal, innermost_cause(*error));
}

void EngineCore::advance_epochs() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, epoch_length, [this] { return stopping_; })) {
    wasmtime_engine_increment_epoch(engine_.get());
  }
}

const std::string& EngineCore::fingerprint() {
  // Raise the number with every change of make_config that changes compiled code.
  static const std::string text = "wasmtime " WASMTIME_VERSION
                                  " settings 2 "
#if defined(__x86_64__)
                                  "x86_64";
#elif defined(__aarch64__)
                                  "aarch64";
#else
                                  "other";
#endif
  return text;
}

}  // namespace thalo::wasm
