#include "build/source_watch.h"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace thalo::build {
namespace {

namespace fs = std::filesystem;
using base::Code;

constexpr std::size_t folders_max = 1000;
constexpr int settle_time_ms = 100;
constexpr int settle_rounds_max = 20;
constexpr std::uint32_t changes = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;

bool is_source(const fs::path& path, const Language& language) {
  return !path.filename().string().starts_with('.') && language.watches(path);
}

bool has_sources(const fs::path& folder, const Language& language) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (is_source(entry->path(), language)) return true;
  }
  return false;
}

bool skipped(const fs::path& folder, const Language& language) {
  return folder.filename().string().starts_with('.') || language.is_output_folder(folder);
}

std::unexpected<base::Error> failed(Code code, const fs::path& folder, int error) {
  return base::fail(code, "cannot watch " + folder.string() + ": " + std::generic_category().message(error));
}

}  // namespace

SourceWatch::SourceWatch(int fd, fs::path folder, const Language& language)
    : fd_(fd), folder_(std::move(folder)), language_(&language) {}
SourceWatch::SourceWatch(SourceWatch&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      folder_(std::move(other.folder_)),
      language_(other.language_),
      watched_(std::move(other.watched_)) {}
SourceWatch::~SourceWatch() {
  if (fd_ >= 0) ::close(fd_);
}

base::Result<SourceWatch> SourceWatch::start(fs::path folder, const Language& language) {
  std::error_code error;
  if (fs::is_regular_file(folder, error)) folder = folder.has_parent_path() ? folder.parent_path() : fs::path(".");
  const int fd = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (fd < 0) return failed(Code::resource_exhausted, folder, errno);
  SourceWatch watch(fd, std::move(folder), language);
  if (auto watched = watch.watch_new_folders(); !watched) return std::unexpected(watched.error());
  return watch;
}

// A folder is watched before it is looked into, so that no file falls in between.
base::Result<bool> SourceWatch::watch_new_folders() {
  const int top = ::inotify_add_watch(fd_, folder_.c_str(), changes);
  if (top < 0) return failed(errno == ENOENT ? Code::not_found : Code::resource_exhausted, folder_, errno);
  bool sources = watched_.insert(top).second && has_sources(folder_, *language_);
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder_, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    if (!entry->is_directory(ignored)) continue;
    if (skipped(entry->path(), *language_)) {
      entry.disable_recursion_pending();
      continue;
    }
    if (watched_.size() >= folders_max) {
      return base::fail(Code::resource_exhausted, folder_.string() + " has more than " + std::to_string(folders_max) +
                                                      " folders, which are too many to watch");
    }
    // A folder that has gone meanwhile, or may not be read, is not watched.
    const int watch = ::inotify_add_watch(fd_, entry->path().c_str(), changes);
    if (watch >= 0 && watched_.insert(watch).second && has_sources(entry->path(), *language_)) sources = true;
  }
  return sources;
}

SourceWatch::Changes SourceWatch::read_changes() {
  alignas(inotify_event) std::array<char, 16384> buffer;
  Changes seen;
  while (true) {
    const auto size = ::read(fd_, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return seen;
    for (const char* at = buffer.data(); at < buffer.data() + size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(at);
      const bool is_folder = (event->mask & IN_ISDIR) != 0;
      if ((event->mask & IN_IGNORED) != 0) watched_.erase(event->wd);
      if (is_folder || (event->mask & IN_IGNORED) != 0) seen.folders = true;
      // With too much happening at once the kernel no longer says what.
      if ((event->mask & IN_Q_OVERFLOW) != 0) seen.sources = seen.folders = true;
      if (event->len > 0 && !is_folder && is_source(event->name, *language_)) seen.sources = true;
      if (is_folder && (event->mask & IN_MOVED_FROM) != 0) seen.sources = true;
      at += sizeof(inotify_event) + event->len;
    }
  }
}

base::Result<Woken> SourceWatch::wait(int interrupt_fd, std::optional<std::chrono::milliseconds> at_most) {
  using Clock = std::chrono::steady_clock;
  const auto end = at_most ? Clock::now() + *at_most : Clock::time_point::max();
  const auto patience_ms = [&]() -> int {
    if (!at_most) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
    return static_cast<int>(std::max<std::int64_t>(0, left.count()));
  };
  bool changed = false;
  for (int rounds = 0; rounds < settle_rounds_max;) {
    std::array<pollfd, 2> ready{{{fd_, POLLIN, 0}, {interrupt_fd, POLLIN, 0}}};
    const int count = ::poll(ready.data(), ready.size(), changed ? settle_time_ms : patience_ms());
    if (count < 0 && errno != EINTR) return failed(Code::internal, folder_, errno);
    if (count < 0) continue;
    if (ready[1].revents != 0) return Woken::interrupted;
    if (count == 0) return changed ? Woken::changed : Woken::timed_out;
    const Changes seen = read_changes();
    if (seen.sources) changed = true;
    if (seen.folders) {
      const auto found = watch_new_folders();
      if (!found) return std::unexpected(found.error());
      if (*found) changed = true;
    }
    if (changed) ++rounds;
  }
  return Woken::changed;
}

}  // namespace thalo::build
