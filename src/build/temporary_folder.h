// A folder for one piece of work.
#pragma once

#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "env/files.h"

namespace thalo::build {

// Removed with everything in it when it goes.
class TemporaryFolder {
 public:
  static base::Result<TemporaryFolder> make(std::string_view prefix) {
    auto path = env::make_temporary_folder(prefix);
    if (!path) return std::unexpected(path.error());
    return TemporaryFolder(*std::move(path));
  }
  TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  explicit TemporaryFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace thalo::build
