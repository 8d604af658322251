// The folder of module files: what is in it is served, what is published is written to it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>

#include "base/result.h"
#include "command/catalog.h"
#include "wasm/engine.h"

namespace thalo::command {

class ModuleFolder {
 public:
  // The engine and the catalog must outlive it.
  ModuleFolder(std::filesystem::path folder, wasm::Engine& engine, Catalog& catalog);

  struct Loaded {
    std::size_t modules = 0;
    std::size_t refused = 0;
  };
  // Loads every `*.wasm` of the folder and serves it. A bad file is logged and does not keep the others from serving.
  // Fails only when the folder cannot be listed or made.
  base::Result<Loaded> load_all();

  // Checks the component in full, writes it as `name`.wasm in one step and serves it: entities move to it between two
  // commands. Nothing changes when anything fails. INVALID_ARGUMENT: an illegal name (it never leaves the folder), or
  // not a component of ours. Any thread; blocks.
  base::Result<std::shared_ptr<const wasm::Module>> publish(std::string_view name, std::string_view component);

  const std::filesystem::path& path() const { return folder_; }

 private:
  base::Result<> load_file(const std::filesystem::path& file);

  const std::filesystem::path folder_;
  wasm::Engine& engine_;
  Catalog& catalog_;
  std::mutex publishing_;
};

}  // namespace thalo::command
