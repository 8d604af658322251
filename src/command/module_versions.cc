#include "command/module_versions.h"

#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "env/files.h"

namespace thalo::command {
namespace {

using base::Code;
using base::fail;

std::string known(const std::vector<ModuleVersion>& versions) {
  std::string out;
  for (const ModuleVersion& version : versions) out += (out.empty() ? "" : ", ") + std::to_string(version.version);
  return out.empty() ? "none was published" : "there are: " + out;
}

}  // namespace

std::filesystem::path ModuleVersions::file_of(std::string_view name, std::uint32_t version) const {
  return folder_ / name / (std::to_string(version) + ".wasm");
}

base::Result<std::vector<ModuleVersion>> ModuleVersions::list(std::string_view name) const {
  const auto file = folder_ / name / "history.json";
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return std::vector<ModuleVersion>();
  auto text = env::read_file(file);
  if (!text) return std::unexpected(text.error());
  std::vector<ModuleVersion> versions;
  try {
    for (const auto& entry : nlohmann::json::parse(*text)) {
      versions.push_back({entry.at("version"), entry.at("digest"), entry.at("size_bytes"), entry.at("published_ms")});
    }
  } catch (const nlohmann::json::exception& problem) {
    return fail(Code::data_loss, file.string() + " is damaged (" + problem.what() +
                                     "); restore it, or remove its folder to forget the versions of this module");
  }
  return versions;
}

base::Result<> ModuleVersions::write_history(std::string_view name, const std::vector<ModuleVersion>& versions) const {
  nlohmann::json history = nlohmann::json::array();
  for (const ModuleVersion& version : versions) {
    history.push_back({{"version", version.version},
                       {"digest", version.digest},
                       {"size_bytes", version.size_bytes},
                       {"published_ms", version.published_ms}});
  }
  return env::write_file_atomically(folder_ / name / "history.json", history.dump(2) + "\n");
}

base::Result<ModuleVersion> ModuleVersions::add(std::string_view name, std::string_view component,
                                                std::string_view digest, std::int64_t now_ms) {
  auto versions = list(name);
  if (!versions) return std::unexpected(versions.error());
  if (!versions->empty() && versions->back().digest == digest) return versions->back();
  ModuleVersion added{versions->empty() ? 1 : versions->back().version + 1, std::string(digest), component.size(),
                      now_ms};
  if (auto made = env::make_folder(folder_ / name); !made) return std::unexpected(made.error());
  if (auto written = env::write_file_atomically(file_of(name, added.version), component); !written)
    return std::unexpected(written.error());
  versions->push_back(added);
  std::vector<ModuleVersion> dropped;
  while (versions->size() > kept_max) {
    dropped.push_back(versions->front());
    versions->erase(versions->begin());
  }
  if (auto written = write_history(name, *versions); !written) return std::unexpected(written.error());
  for (const ModuleVersion& old : dropped) {
    std::error_code ignored;  // a file left behind is in nobody's way
    std::filesystem::remove(file_of(name, old.version), ignored);
  }
  return added;
}

base::Result<std::string> ModuleVersions::read(std::string_view name, std::uint32_t version) const {
  auto versions = list(name);
  if (!versions) return std::unexpected(versions.error());
  for (const ModuleVersion& known_version : *versions) {
    if (known_version.version == version) return env::read_file(file_of(name, version));
  }
  return fail(Code::not_found, "module '" + std::string(name) + "' has no version " + std::to_string(version) + " (" +
                                   known(*versions) + ")");
}

}  // namespace thalo::command
