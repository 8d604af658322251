// The engine on Wasmtime: the one factory of this folder.
#pragma once

#include <filesystem>
#include <memory>

#include "base/result.h"
#include "wasm/compiler.h"
#include "wasm/engine.h"

namespace thalo::wasm {

struct EngineOptions {
  // Where compiled components are kept, by content hash and engine version. Empty: nothing is kept.
  std::filesystem::path cache_folder = {};
  std::size_t component_size_bytes_max = 64u << 20;
  // What a module may use when it is started for the first time, to see that it can be.
  Limits limits = {};
  // Says in the log, before it compiles, that a component is not in the cache: that may take half a minute.
  bool log_compiling = false;
  // The program that compiles, in a process of its own (compiler.h). Empty: this process does.
  std::filesystem::path compiler_program = {};
  CompilerLimits compiler_limits = {};
};

// Starts the engine and its epoch thread. UNAVAILABLE when the machine refuses what Wasmtime needs.
base::Result<std::unique_ptr<Engine>> make_wasmtime_engine(const EngineOptions& options);

}  // namespace thalo::wasm
