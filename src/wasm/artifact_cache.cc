#include "wasm/artifact_cache.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <vector>

#include "base/log.h"
#include "env/files.h"
#include "wasm/digest.h"

namespace thalo::wasm {
namespace {

namespace files = std::filesystem;
namespace log = base::log;

constexpr std::string_view extension = ".compiled";
constexpr std::string_view format = "thalo compiled component 1\n";
constexpr std::size_t entry_size_bytes_max = std::size_t{1} << 30;

// Makes the folder if need be, for nobody but us; what is wrong with it, or nothing.
std::string folder_problem(const files::path& folder) {
  const files::path named = folder.has_filename() ? folder : folder.parent_path();
  if (named.has_parent_path()) {
    if (const auto made = env::make_folder(named.parent_path()); !made) return made.error().message;
  }
  if (::mkdir(named.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
    return "it cannot be made: " + std::generic_category().message(errno);
  }
  struct stat status{};
  if (::stat(folder.c_str(), &status) != 0) return "cannot be looked at: " + std::generic_category().message(errno);
  if (!S_ISDIR(status.st_mode)) return "it is no folder";
  if (status.st_uid != ::geteuid())
    return "it belongs to another user, who could put code into this process; choose another folder";
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return "others may write to it and so could put code into this process; run: chmod 700 " + folder.string();
  if (::access(folder.c_str(), W_OK | X_OK) != 0) return "it is not writable";
  return "";
}

}  // namespace

ArtifactCache::ArtifactCache(const files::path& folder, std::string_view fingerprint)
    : fingerprint_(sha256_hex(fingerprint)) {
  if (folder.empty()) return;
  const std::string problem = folder_problem(folder);
  if (problem.empty()) {
    folder_ = folder;
    return;
  }
  log::warn("compiled modules are not cached, so every start compiles them again",
            {{"folder", folder.string()}, {"reason", problem}});
}

files::path ArtifactCache::entry_path(const std::string& digest) const {
  return folder_ / (digest + "-" + fingerprint_.substr(0, 16) + std::string(extension));
}

std::string ArtifactCache::header(const std::string& digest, std::string_view artifact) const {
  return std::string(format) + digest + "\n" + fingerprint_ + "\n" + sha256_hex(artifact) + "\n";
}

std::optional<std::string> ArtifactCache::find(const std::string& digest) const {
  if (folder_.empty()) return std::nullopt;
  const auto path = entry_path(digest);
  auto entry = env::read_file(path, entry_size_bytes_max);
  if (!entry) {
    if (entry.error().code != base::Code::not_found)
      log::warn("cannot use a compiled module from the cache; it is compiled again",
                {{"reason", entry.error().message}});
    return std::nullopt;
  }
  const std::size_t header_size = header(digest, "").size();
  const std::string_view artifact = std::string_view(*entry).substr(std::min(header_size, entry->size()));
  if (entry->size() <= header_size || !entry->starts_with(header(digest, artifact))) {
    log::warn("a compiled module in the cache is damaged; it is compiled again", {{"file", path.string()}});
    return std::nullopt;
  }
  return entry->substr(header_size);
}

void ArtifactCache::keep(const std::string& digest, std::string_view artifact) const {
  if (folder_.empty()) return;
  // Not synced: what a power cut leaves of an entry is found out when it is read, and the store's syncs need not wait.
  const std::string entry = header(digest, artifact).append(artifact);
  if (auto ok = env::write_file_atomically(entry_path(digest), entry, env::Sync::no); !ok) {
    log::warn("a compiled module is not cached, so the next start compiles it again", {{"reason", ok.error().message}});
    return;
  }
  remove_oldest();
}

void ArtifactCache::forget(const std::string& digest) const {
  if (folder_.empty()) return;
  std::error_code ignored;
  files::remove(entry_path(digest), ignored);
}

void ArtifactCache::remove_oldest() const {
  std::error_code error;
  std::vector<std::pair<files::file_time_type, files::path>> entries;
  for (files::directory_iterator it(folder_, error), end; !error && it != end; it.increment(error)) {
    std::error_code gone;
    const auto time = it->last_write_time(gone);
    if (!gone && it->path().extension() == extension) entries.emplace_back(time, it->path());
  }
  if (entries.size() <= entries_max) return;
  std::ranges::sort(entries);
  for (std::size_t i = 0; i + entries_max < entries.size(); ++i) {
    std::error_code ignored;
    files::remove(entries[i].second, ignored);
  }
}

}  // namespace thalo::wasm
