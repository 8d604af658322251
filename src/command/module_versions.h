// The versions of the modules that were published, kept beside the module files: `.versions/NAME/N.wasm` and
// `.versions/NAME/history.json`.
//
// Not for several threads at once; ModuleFolder holds its lock around it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace thalo::command {

struct ModuleVersion {
  std::uint32_t version = 0;  // counts from 1
  std::string digest;
  std::uint64_t size_bytes = 0;
  std::int64_t published_ms = 0;  // since the Unix epoch
};

class ModuleVersions {
 public:
  // The oldest are deleted beyond this many per module.
  static constexpr std::size_t kept_max = 20;

  explicit ModuleVersions(const std::filesystem::path& modules_folder) : folder_(modules_folder / ".versions") {}

  // Oldest first; none is no error. DATA_LOSS names a history file that cannot be read.
  base::Result<std::vector<ModuleVersion>> list(std::string_view name) const;

  // Keeps a component as the next version; durable when it returns. A digest equal to the newest version's is not kept
  // twice.
  base::Result<ModuleVersion> add(std::string_view name, std::string_view component, std::string_view digest,
                                  std::int64_t now_ms);

  // The component of a version. NOT_FOUND lists those there are.
  base::Result<std::string> read(std::string_view name, std::uint32_t version) const;

 private:
  std::filesystem::path file_of(std::string_view name, std::uint32_t version) const;
  base::Result<> write_history(std::string_view name, const std::vector<ModuleVersion>& versions) const;

  const std::filesystem::path folder_;
};

}  // namespace thalo::command
