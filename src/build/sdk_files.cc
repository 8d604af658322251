#include "build/sdk_files.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "build/embedded.h"
#include "env/files.h"

namespace thalo::build {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view sdk_prefix = "sdk/";

// A name for the content (FNV-1a), so that two versions of the program do not overwrite each other's.
std::string content_name(std::string_view prefix) {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&](std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  };
  for (const auto& file : embedded_files()) {
    if (!file.path.starts_with(prefix)) continue;
    add(file.path);
    add(file.content);
  }
  static constexpr char digits[] = "0123456789abcdef";
  std::string name;
  for (int shift = 60; shift >= 0; shift -= 4) name += digits[(hash >> shift) & 15];
  return name;
}

void mark_used(const fs::path& folder) {
  std::error_code ignored;  // of a cache that cannot be written
  fs::last_write_time(folder, fs::file_time_type::clock::now(), ignored);
}

// Removes the copies beside `kept` that no build has used for a month: another version of the program may be at work.
void remove_unused(const fs::path& kept) {
  constexpr std::chrono::hours unused_time{24 * 30};
  const auto now = fs::file_time_type::clock::now();
  std::vector<fs::path> old;
  std::error_code error;
  for (fs::directory_iterator entry(kept.parent_path(), error), end; !error && entry != end; entry.increment(error)) {
    std::error_code unreadable;
    const auto used = entry->last_write_time(unreadable);
    if (!unreadable && entry->path() != kept && now - used > unused_time) old.push_back(entry->path());
  }
  for (const auto& folder : old) fs::remove_all(folder, error);
}

base::Result<std::filesystem::path> unpacked(std::string_view prefix, const std::filesystem::path& folder) {
  bool changed = false;
  for (const auto& file : embedded_files()) {
    if (!file.path.starts_with(prefix)) continue;
    const auto path = folder / file.path.substr(prefix.size());
    // What is there is compared rather than trusted: a half-written or edited file would be hard to find.
    if (const auto content = env::read_file(path); content && *content == file.content) continue;
    changed = true;
    if (auto made = env::make_folder(path.parent_path()); !made) return std::unexpected(made.error());
    if (auto written = env::write_file_atomically(path, file.content); !written)
      return std::unexpected(written.error());
  }
  // A new version comes with headers of its own; those that nobody has used for long are in nobody's way only when
  // gone.
  if (changed) remove_unused(folder);
  mark_used(folder);
  return folder;
}

}  // namespace

base::Result<std::filesystem::path> sdk_include_folder(const std::filesystem::path& cache_folder) {
  return unpacked(sdk_prefix, cache_folder / "sdk" / content_name(sdk_prefix));
}

base::Result<std::filesystem::path> embedded_folder(std::string_view prefix,
                                                    const std::filesystem::path& cache_folder) {
  std::string name(prefix.substr(0, prefix.size() - 1));
  for (char& c : name) {
    if (c == '/') c = '-';
  }
  return unpacked(prefix, cache_folder / "sdk" / (name + "-" + content_name(prefix)));
}

base::Result<std::filesystem::path> sdk_folder(std::string_view language, const std::filesystem::path& cache_folder) {
  if (language == "cpp") return sdk_include_folder(cache_folder);
  // The two share one.
  const std::string prefix = (language == "typescript" ? "javascript" : std::string(language)) + "/";
  const auto known = [&](const EmbeddedFile& file) { return file.path.starts_with(prefix); };
  if (std::ranges::none_of(embedded_files(), known))
    return base::fail(base::Code::not_found, "there is no SDK for the language '" + std::string(language) + "'");
  return embedded_folder(prefix, cache_folder);
}

}  // namespace thalo::build
