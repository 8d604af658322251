// Notices when an aggregate's sources change. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>

#include "base/result.h"
#include "build/language.h"

namespace thalo::build {

enum class Woken : std::uint8_t { changed, interrupted, timed_out };

// Watches the sources of a language in a folder and the folders in it, not tests and not what is hidden or built. A
// change made between two waits is not lost.
class SourceWatch {
 public:
  // `folder` may be a source file: then the folder it is in is watched.
  static base::Result<SourceWatch> start(std::filesystem::path folder, const Language& language);
  SourceWatch(SourceWatch&& other) noexcept;
  SourceWatch(const SourceWatch&) = delete;
  SourceWatch& operator=(const SourceWatch&) = delete;
  ~SourceWatch();

  // Waits for a change and then until none has come for a moment, so that a save of many files is one; no longer than
  // `at_most` for the first. Interrupted: `interrupt_fd` became readable. NOT_FOUND: the folder has gone.
  base::Result<Woken> wait(int interrupt_fd, std::optional<std::chrono::milliseconds> at_most = std::nullopt);

 private:
  SourceWatch(int fd, std::filesystem::path folder, const Language& language);
  // Watches what is not watched yet; whether there were sources in any of it.
  base::Result<bool> watch_new_folders();
  struct Changes {
    bool sources = false;
    bool folders = false;
  };
  // Takes what has happened so far.
  Changes read_changes();

  int fd_;
  std::filesystem::path folder_;
  const Language* language_;
  std::set<int> watched_;  // inotify's numbers of the folders
};

}  // namespace thalo::build
