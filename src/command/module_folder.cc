#include "command/module_folder.h"

#include <algorithm>
#include <system_error>
#include <utility>
#include <vector>

#include "base/log.h"
#include "env/files.h"
#include "model/stream_name.h"

namespace thalo::command {
namespace {

using base::Code;
using base::fail;

// A module's name becomes a file name: letters, digits, '_' and '-' only, so that no name ever points out of the folder
// or hides in it.
base::Result<> check_module_name(std::string_view name) {
  const bool legal = !name.empty() && name.size() <= model::category_size_bytes_max &&
                     std::all_of(name.begin(), name.end(),
                                 [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-'; });
  if (legal) return {};
  return fail(Code::invalid_argument, "module name '" + std::string(name.substr(0, 64)) + "' is illegal: use 1 to " +
                                          std::to_string(model::category_size_bytes_max) +
                                          " letters, digits, '_' or '-'");
}

}  // namespace

ModuleFolder::ModuleFolder(std::filesystem::path folder, wasm::Engine& engine, Catalog& catalog)
    : folder_(std::move(folder)), engine_(engine), catalog_(catalog) {}

base::Result<ModuleFolder::Loaded> ModuleFolder::load_all() {
  if (auto made = env::make_folder(folder_); !made) return std::unexpected(made.error());
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder_, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().extension() == ".wasm") files.push_back(entry->path());
  }
  if (error)
    return fail(Code::unavailable, "cannot list the modules folder " + folder_.string() + ": " + error.message());
  std::sort(files.begin(), files.end());
  Loaded loaded;
  for (const auto& file : files) {
    if (auto done = load_file(file)) {
      ++loaded.modules;
    } else {
      ++loaded.refused;
      base::log::error("module refused", {{"file", file.string()}, {"reason", done.error().message}});
    }
  }
  return loaded;
}

base::Result<> ModuleFolder::load_file(const std::filesystem::path& file) {
  auto category = model::category_of_module(file.stem().string());
  if (!category) return std::unexpected(category.error());
  if (catalog_.find(*category) != nullptr) {
    return fail(Code::already_exists,
                "another file of the folder serves '" + *category + "' already; remove one of them");
  }
  auto component = env::read_file(file);
  if (!component) return std::unexpected(component.error());
  auto module = engine_.load(file.stem().string(), *component);
  if (!module) return std::unexpected(module.error());
  base::log::info("loaded module from file", {{"file", file.string()}});
  catalog_.publish(*std::move(category), *std::move(module));
  return {};
}

base::Result<std::shared_ptr<const wasm::Module>> ModuleFolder::publish(std::string_view name,
                                                                        std::string_view component) {
  if (auto legal = check_module_name(name); !legal) return std::unexpected(legal.error());
  auto category = model::category_of_module(name);
  if (!category) return std::unexpected(category.error());
  auto module = engine_.load(std::string(name), component);
  if (!module) return std::unexpected(module.error());

  // One at a time, so that the file and what is served are the same module. A file that serves the category under
  // another spelling is replaced.
  std::lock_guard lock(publishing_);
  std::string file_name(name);
  if (const auto served = catalog_.find(*category); served != nullptr) file_name = served->name();
  const auto file = folder_ / (file_name + ".wasm");
  if (auto written = env::write_file_atomically(file, component); !written) return std::unexpected(written.error());
  catalog_.publish(*category, *module);
  base::log::info("published module", {{"file", file.string()}, {"digest", (*module)->digest()}});
  return *std::move(module);
}

}  // namespace thalo::command
