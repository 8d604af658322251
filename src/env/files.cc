#include "env/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>

namespace thalo::env {
namespace {

using base::Code;
using base::fail;

std::unexpected<base::Error> system_error(std::string_view doing, const std::filesystem::path& path, int number) {
  Code code = Code::unavailable;
  if (number == ENOENT || number == ENOTDIR) code = Code::not_found;
  if (number == EACCES || number == EPERM || number == EROFS) code = Code::permission_denied;
  if (number == EEXIST) code = Code::already_exists;
  if (number == ENOSPC || number == EDQUOT) code = Code::resource_exhausted;
  // Only what another process may end by itself is worth a retry.
  const bool permanent = number != EINTR && number != EAGAIN && number != EMFILE && number != ENFILE;
  return std::unexpected(base::Error{
      code, "cannot " + std::string(doing) + " " + path.string() + ": " + std::generic_category().message(number),
      permanent});
}

// Owns a file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

bool write_fully(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

base::Result<std::string> read_file(const std::filesystem::path& path, std::size_t size_bytes_max) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return system_error("read", path, errno);
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return system_error("read", path, errno);
  if (S_ISDIR(status.st_mode)) return fail(Code::invalid_argument, "cannot read " + path.string() + ": it is a folder");
  std::string content;
  char buffer[1 << 16];
  while (true) {
    const ssize_t count = ::read(file.get(), buffer, sizeof buffer);
    if (count < 0) {
      if (errno == EINTR) continue;
      return system_error("read", path, errno);
    }
    if (count == 0) return content;
    content.append(buffer, static_cast<std::size_t>(count));
    if (content.size() > size_bytes_max) {
      return base::fail_for_good(
          Code::resource_exhausted,
          path.string() + " has more than " + std::to_string(size_bytes_max) + " bytes, the most that is read");
    }
  }
}

base::Result<> write_file_atomically(const std::filesystem::path& path, std::string_view content, Sync sync) {
  std::string temporary = path.string() + ".XXXXXX";
  {
    const Descriptor file(::mkostemp(temporary.data(), O_CLOEXEC));
    if (file.get() < 0) return system_error("write", path, errno);
    if (::fchmod(file.get(), 0644) != 0 || !write_fully(file.get(), content) ||
        (sync == Sync::yes && ::fsync(file.get()) != 0)) {
      const int number = errno;
      ::unlink(temporary.c_str());
      return system_error("write", path, number);
    }
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const int number = errno;
    ::unlink(temporary.c_str());
    return system_error("write", path, number);
  }
  if (sync == Sync::no) return {};
  const auto folder = path.parent_path().empty() ? std::filesystem::path(".") : path.parent_path();
  const Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0 || ::fsync(directory.get()) != 0) return system_error("sync", folder, errno);
  return {};
}

base::Result<> make_folder(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return system_error("make the folder", path, error.value());
  return {};
}

base::Result<std::filesystem::path> make_temporary_folder(std::string_view prefix) {
  std::error_code error;
  const auto parent = std::filesystem::temp_directory_path(error);
  if (error) return fail(Code::unavailable, "no folder for temporary files: " + error.message());
  std::string name = (parent / (std::string(prefix) + "XXXXXX")).string();
  if (::mkdtemp(name.data()) == nullptr) return system_error("make a folder in", parent, errno);
  return std::filesystem::path(name);
}

}  // namespace thalo::env
