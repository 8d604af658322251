// The folder of module files: what is in it is served, what is published is written to it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "command/catalog.h"
#include "command/module_versions.h"
#include "env/clock.h"
#include "wasm/engine.h"

namespace thalo::command {

// A module as operators see it.
struct ModuleInfo {
  std::string category;
  std::shared_ptr<const wasm::Module> module;
  std::uint32_t version = 0;            // of those published; 0: a file put into the folder by hand
  std::vector<ModuleVersion> versions;  // oldest first
};

class ModuleFolder {
 public:
  // The engine, the catalog and the clock must outlive it.
  ModuleFolder(std::filesystem::path folder, wasm::Engine& engine, Catalog& catalog, const env::Clock& clock);

  struct Loaded {
    std::size_t modules = 0;
    std::size_t refused = 0;
  };
  // Loads every `*.wasm` of the folder and serves it. A bad file is logged and does not keep the others from serving.
  // Fails only when the folder cannot be listed or made.
  base::Result<Loaded> load_all();

  // Serves files that are new or have changed since they were loaded. A file is taken once it has stood still between
  // two calls. What is refused is logged once, and what was served stays.
  void load_changed();

  // Checks the component in full, keeps it as a new version, writes it as `name`.wasm in one step and serves it:
  // entities move to it between two commands. Nothing changes when anything fails. INVALID_ARGUMENT: an illegal name
  // (it never leaves the folder), or not a component of ours. Any thread; blocks.
  base::Result<ModuleInfo> publish(std::string_view name, std::string_view component);

  // Serves a kept version again; 0: the one before the one served. NOT_FOUND, FAILED_PRECONDITION (nothing to go back
  // to). Any thread; blocks.
  base::Result<ModuleInfo> rollback(std::string_view name, std::uint32_t version);

  // By name or category. NOT_FOUND. Any thread.
  base::Result<ModuleInfo> get(std::string_view name) const;
  std::vector<ModuleInfo> list() const;

  const std::filesystem::path& path() const { return folder_; }

 private:
  // How a file looked when it was last looked at.
  struct Seen {
    std::filesystem::file_time_type time;
    std::uintmax_t size_bytes = 0;
    bool handled = false;
    friend bool operator==(const Seen&, const Seen&) = default;
  };

  base::Result<std::vector<std::filesystem::path>> list_files() const;
  base::Result<> load_file(const std::filesystem::path& file, bool replace);
  base::Result<> serve(std::string_view file_name, std::string_view category, std::string_view component,
                       std::shared_ptr<const wasm::Module> module);
  base::Result<ModuleInfo> describe(std::string_view category, std::shared_ptr<const wasm::Module> module) const;
  // A file that was put over a published one, by hand or by a build.
  void warn_if_never_published(const std::filesystem::path& file, std::string_view name, std::string_view digest) const;
  void note_seen(const std::filesystem::path& file);

  const std::filesystem::path folder_;
  wasm::Engine& engine_;
  Catalog& catalog_;
  const env::Clock& clock_;
  mutable std::mutex mutex_;  // one change at a time, so that the file, the history and what is served agree
  ModuleVersions versions_;
  std::map<std::filesystem::path, Seen> seen_;
};

}  // namespace thalo::command
