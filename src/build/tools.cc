#include "build/tools.h"

#include <unistd.h>

#include <string>
#include <system_error>
#include <thread>

#include "env/files.h"

namespace thalo::build {
namespace {

namespace fs = std::filesystem;
using base::Code;

// A name that no other build uses.
std::string suffix() {
  return "." + std::to_string(::getpid()) + "." +
         std::to_string(std::hash<std::thread::id>()(std::this_thread::get_id()));
}

}  // namespace

void notify(int fd, std::string_view line) {
  const std::string text = std::string(line) + "\n";
  [[maybe_unused]] const auto written = ::write(fd, text.data(), text.size());
}

bool remove_when_larger(const fs::path& folder, std::uintmax_t bytes_max) {
  std::uintmax_t bytes = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code unreadable;
    if (entry->is_symlink(unreadable) || !entry->is_regular_file(unreadable)) continue;
    const auto size = entry->file_size(unreadable);
    if (!unreadable) bytes += size;
  }
  if (bytes <= bytes_max) return false;
  fs::remove_all(folder, error);
  return true;
}

base::Result<fs::path> install_once(const fs::path& folder, std::string_view title, int notify_fd,
                                    const std::function<base::Result<>(const fs::path& fresh)>& install) {
  std::error_code error;
  if (fs::is_directory(folder, error)) return folder;
  notify(notify_fd, "Installing " + std::string(title) + " into " + folder.string() + " (once)");
  const fs::path fresh = folder.string() + suffix();
  fs::remove_all(fresh, error);
  if (auto made = env::make_folder(fresh); !made) return std::unexpected(made.error());
  auto installed = install(fresh);
  if (!installed) {
    fs::remove_all(fresh, error);
    return std::unexpected(installed.error());
  }
  fs::rename(fresh, folder, error);
  if (!error) return folder;
  const std::string reason = error.message();
  fs::remove_all(fresh, error);
  // Another build was faster.
  if (fs::is_directory(folder, error)) return folder;
  return base::fail(Code::unavailable, "cannot keep " + std::string(title) + " as " + folder.string() + ": " + reason);
}

}  // namespace thalo::build
