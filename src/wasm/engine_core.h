// The Wasmtime engine and the thread that advances its epoch. Modules and instances hold it, so that time keeps running
// for them also after the Engine object is gone.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "base/result.h"
#include "wasm/handles.h"

namespace thalo::wasm {

class EngineCore {
 public:
  static constexpr std::chrono::milliseconds epoch_length{10};

  static base::Result<std::shared_ptr<const EngineCore>> start();
  ~EngineCore();
  EngineCore(const EngineCore&) = delete;
  EngineCore& operator=(const EngineCore&) = delete;

  wasm_engine_t* engine() const { return engine_.get(); }

  // INVALID_ARGUMENT says what is wrong with the component.
  base::Result<ComponentHandle> compile(std::string_view component) const;
  // From what wasmtime_component_serialize gave in an engine of the same fingerprint: it is code, and is believed.
  base::Result<ComponentHandle> deserialize(std::string_view artifact) const;

  // Everything that decides whether compiled code of one process is right for another: engine version, settings,
  // target.
  static const std::string& fingerprint();

 private:
  explicit EngineCore(EngineHandle engine);
  void advance_epochs();

  EngineHandle engine_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread ticker_;
};

}  // namespace thalo::wasm
