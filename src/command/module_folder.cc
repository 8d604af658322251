#include "command/module_folder.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/log.h"
#include "env/files.h"
#include "model/stream_name.h"
#include "wasm/digest.h"

namespace thalo::command {
namespace {

using base::Code;
using base::fail;

// A module's name becomes a file name: letters, digits, '_' and '-' only, so that no name ever points out of the folder
// or hides in it.
base::Result<> check_module_name(std::string_view name) {
  const auto legal_character = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  if (!name.empty() && name.size() <= model::category_size_bytes_max && std::ranges::all_of(name, legal_character))
    return {};
  return fail(Code::invalid_argument, "module name '" + std::string(name.substr(0, 64)) + "' is illegal: use 1 to " +
                                          std::to_string(model::category_size_bytes_max) +
                                          " letters, digits, '_' or '-'");
}

}  // namespace

ModuleFolder::ModuleFolder(std::filesystem::path folder, wasm::Engine& engine, Catalog& catalog,
                           const env::Clock& clock)
    : folder_(std::move(folder)), engine_(engine), catalog_(catalog), clock_(clock), versions_(folder_) {}

base::Result<std::vector<std::filesystem::path>> ModuleFolder::list_files() const {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder_, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().extension() == ".wasm") files.push_back(entry->path());
  }
  if (error)
    return fail(Code::unavailable, "cannot list the modules folder " + folder_.string() + ": " + error.message());
  std::ranges::sort(files);
  return files;
}

base::Result<ModuleFolder::Loaded> ModuleFolder::load_all() {
  if (auto made = env::make_folder(folder_); !made) return std::unexpected(made.error());
  auto files = list_files();
  if (!files) return std::unexpected(files.error());
  std::lock_guard lock(mutex_);
  Loaded loaded;
  for (const auto& file : *files) {
    note_seen(file);
    if (auto done = load_file(file, false)) {
      ++loaded.modules;
    } else if (done.error().retryable()) {
      // Nothing is known against the module: without it its commands would be refused for good.
      return fail(done.error().code, "cannot load " + file.string() + ": " + done.error().message);
    } else {
      ++loaded.refused;
      base::log::error("module refused", {{"file", file.string()}, {"reason", done.error().message}});
    }
  }
  return loaded;
}

void ModuleFolder::load_changed() {
  auto files = list_files();
  if (!files) return base::log::warn("modules not watched", {{"reason", files.error().message}});
  std::lock_guard lock(mutex_);
  for (const auto& file : *files) {
    std::error_code error;
    const Seen now{std::filesystem::last_write_time(file, error), std::filesystem::file_size(file, error), false};
    if (error) continue;
    Seen& before = seen_[file];
    const bool stands_still = before.time == now.time && before.size_bytes == now.size_bytes;
    if (stands_still && before.handled) continue;
    if (!stands_still) {
      before = now;
      continue;
    }
    before.handled = true;
    if (auto done = load_file(file, true); !done) {
      before.handled = !done.error().retryable();
      base::log::error("module refused; what was served stays",
                       {{"file", file.string()}, {"reason", done.error().message}});
    }
  }
}

void ModuleFolder::note_seen(const std::filesystem::path& file) {
  std::error_code error;
  seen_[file] = {std::filesystem::last_write_time(file, error), std::filesystem::file_size(file, error), true};
}

base::Result<> ModuleFolder::load_file(const std::filesystem::path& file, bool replace) {
  const std::string name = file.stem().string();
  auto category = model::category_of_module(name);
  if (!category) return std::unexpected(category.error());
  const auto served = catalog_.find(*category);
  if (served != nullptr && (!replace || served->name() != name)) {
    return fail(Code::already_exists, "two files serve '" + *category + "': " + served->name() +
                                          ".wasm, which was first and is served, and " + name +
                                          ".wasm, which is not; remove one of the two");
  }
  // A pipe or a device may never end, or never begin.
  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))
    return fail(Code::invalid_argument, file.string() + " is no regular file");
  auto component = env::read_file(file);
  if (!component) return std::unexpected(component.error());
  auto module = engine_.load(name, *component);
  if (!module) return std::unexpected(module.error());
  if (served != nullptr && served->digest() == (*module)->digest()) return {};
  base::log::info("loaded module from file", {{"file", file.string()}});
  warn_if_never_published(file, name, (*module)->digest());
  catalog_.publish(*std::move(category), *std::move(module));
  return {};
}

void ModuleFolder::warn_if_never_published(const std::filesystem::path& file, std::string_view name,
                                           std::string_view digest) const {
  const auto versions = versions_.list(name);
  if (!versions || versions->empty()) return;
  const auto is_this = [&](const ModuleVersion& version) { return version.digest == digest; };
  if (std::ranges::any_of(*versions, is_this)) return;
  const std::string back =
      "thalo rollback " + std::string(name) + " --version " + std::to_string(versions->back().version);
  base::log::warn("serving a file that differs from every published version",
                  {{"file", file.string()}, {"newest_version", versions->back().version}, {"to_go_back", back}});
}

base::Result<ModuleInfo> ModuleFolder::publish(std::string_view name, std::string_view component) {
  if (auto legal = check_module_name(name); !legal) return std::unexpected(legal.error());
  auto category = model::category_of_module(name);
  if (!category) return std::unexpected(category.error());
  auto module = engine_.load(std::string(name), component);
  if (!module) return std::unexpected(module.error());

  std::lock_guard lock(mutex_);
  const auto served = catalog_.find(*category);
  if (served != nullptr && served->name() != name) {
    return fail(Code::invalid_argument,
                "'" + *category + "' is served by the module '" + served->name() + "', and '" + std::string(name) +
                    "' would serve the same: publish under that name, `thalo publish " + served->name() + " FILE`");
  }
  auto kept = versions_.list(name);
  if (!kept) return std::unexpected(kept.error());
  if (served != nullptr && kept->empty() && served->digest() != (*module)->digest()) {
    // A file that was put into the folder by hand becomes the first version, so that a rollback finds it; not one that
    // was put over it since.
    auto by_hand = env::read_file(folder_ / (std::string(name) + ".wasm"));
    if (by_hand && wasm::sha256_hex(*by_hand) == served->digest()) {
      if (auto added = versions_.add(name, *by_hand, served->digest(), clock_.now_ms()); !added)
        return std::unexpected(added.error());
    }
  }
  if (auto added = versions_.add(name, component, (*module)->digest(), clock_.now_ms()); !added)
    return std::unexpected(added.error());
  if (auto done = serve(name, *category, component, *module); !done) return std::unexpected(done.error());
  return describe(*category, *std::move(module));
}

base::Result<> ModuleFolder::serve(std::string_view file_name, std::string_view category, std::string_view component,
                                   std::shared_ptr<const wasm::Module> module) {
  const auto served = catalog_.find(category);
  const auto file = folder_ / (std::string(file_name) + ".wasm");
  if (auto written = env::write_file_atomically(file, component); !written) return written;
  note_seen(file);
  if (served != nullptr && served->digest() == module->digest()) return {};
  base::log::info("published module", {{"file", file.string()}, {"digest", module->digest()}});
  catalog_.publish(std::string(category), std::move(module));
  return {};
}

base::Result<ModuleInfo> ModuleFolder::rollback(std::string_view name, std::uint32_t version) {
  auto now = get(name);
  if (!now) return std::unexpected(now.error());
  const std::string file_name = now->module->name();
  if (version == 0) {
    for (const ModuleVersion& kept : now->versions) {
      if (kept.version < now->version) version = kept.version;
    }
    if (version == 0)
      return fail(Code::failed_precondition, "module '" + file_name + "' has no version before the one served");
  }
  std::lock_guard lock(mutex_);
  auto component = versions_.read(file_name, version);
  if (!component) return std::unexpected(component.error());
  auto module = engine_.load(file_name, *component);
  if (!module) return std::unexpected(module.error());
  if (auto done = serve(file_name, now->category, *component, *module); !done) return std::unexpected(done.error());
  return describe(now->category, *std::move(module));
}

base::Result<ModuleInfo> ModuleFolder::get(std::string_view name) const {
  const auto modules = catalog_.modules();
  std::lock_guard lock(mutex_);
  for (const auto& [category, module] : *modules) {
    if (category == name || module->name() == name) return describe(category, module);
  }
  return fail(Code::not_found,
              "no module named '" + std::string(name) + "' is served; `thalo modules` lists those that are");
}

std::vector<ModuleInfo> ModuleFolder::list() const {
  const auto modules = catalog_.modules();
  std::lock_guard lock(mutex_);
  std::vector<ModuleInfo> out;
  for (const auto& [category, module] : *modules) {
    auto info = describe(category, module);
    // A damaged history does not hide the module.
    out.push_back(info ? *std::move(info) : ModuleInfo{category, module, 0, {}});
  }
  return out;
}

base::Result<ModuleInfo> ModuleFolder::describe(std::string_view category,
                                                std::shared_ptr<const wasm::Module> module) const {
  auto versions = versions_.list(module->name());
  if (!versions) return std::unexpected(versions.error());
  ModuleInfo info{std::string(category), std::move(module), 0, *std::move(versions)};
  for (const ModuleVersion& version : info.versions) {
    if (version.digest == info.module->digest()) info.version = version.version;
  }
  return info;
}

}  // namespace thalo::command
