#include "build/sdk_files.h"

#include <cstdint>
#include <string>
#include <string_view>

#include "build/embedded.h"
#include "env/files.h"

namespace thalo::build {
namespace {

constexpr std::string_view sdk_prefix = "sdk/";

// A name for the headers' content (FNV-1a), so that two versions of the program do not overwrite each other's.
std::string content_name() {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&](std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  };
  for (const auto& file : embedded_files()) {
    add(file.path);
    add(file.content);
  }
  static constexpr char digits[] = "0123456789abcdef";
  std::string name;
  for (int shift = 60; shift >= 0; shift -= 4) name += digits[(hash >> shift) & 15];
  return name;
}

}  // namespace

base::Result<std::filesystem::path> sdk_include_folder(const std::filesystem::path& cache_folder) {
  auto folder = cache_folder / "sdk" / content_name();
  for (const auto& file : embedded_files()) {
    if (!file.path.starts_with(sdk_prefix)) continue;
    const auto path = folder / file.path.substr(sdk_prefix.size());
    // What is there is compared rather than trusted: a half-written or edited header would be hard to find.
    if (const auto content = env::read_file(path); content && *content == file.content) continue;
    if (auto made = env::make_folder(path.parent_path()); !made) return std::unexpected(made.error());
    if (auto written = env::write_file_atomically(path, file.content); !written)
      return std::unexpected(written.error());
  }
  return folder;
}

}  // namespace thalo::build
