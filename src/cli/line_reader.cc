#include "cli/line_reader.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "cli/interrupt.h"

namespace thalo::cli {
namespace {

using base::Code;

std::unexpected<base::Error> cannot_read(const std::string& path, int number) {
  const Code code = number == ENOENT ? Code::not_found : number == EACCES ? Code::permission_denied : Code::unavailable;
  return base::fail_for_good(code, "cannot read " + (path == "-" ? std::string("standard input") : path) + ": " +
                                       std::generic_category().message(number));
}

}  // namespace

base::Result<LineReader> LineReader::open(const std::string& path) {
  const int fd = path == "-" ? ::dup(STDIN_FILENO) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return cannot_read(path, errno);
  struct stat status{};
  const bool known = ::fstat(fd, &status) == 0;
  LineReader reader(path, fd, known && S_ISREG(status.st_mode) ? static_cast<std::uint64_t>(status.st_size) : 0);
  if (known && S_ISDIR(status.st_mode)) return cannot_read(path, EISDIR);
  return reader;
}

LineReader::LineReader(std::string path, int fd, std::uint64_t size_bytes)
    : path_(std::move(path)), fd_(fd), size_bytes_(size_bytes) {
  if (::pipe2(stop_ends_, O_CLOEXEC) != 0) std::abort();
}

LineReader::LineReader(LineReader&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      size_bytes_(other.size_bytes_),
      stop_ends_{std::exchange(other.stop_ends_[0], -1), std::exchange(other.stop_ends_[1], -1)},
      buffer_(std::move(other.buffer_)),
      begin_(other.begin_),
      at_end_(other.at_end_) {}

LineReader::~LineReader() {
  for (const int fd : {fd_, stop_ends_[0], stop_ends_[1]}) {
    if (fd >= 0) ::close(fd);
  }
}

void LineReader::stop() { [[maybe_unused]] const auto written = ::write(stop_ends_[1], "", 1); }

std::string LineReader::take(std::size_t end) {
  std::string line = buffer_.substr(begin_, end - begin_);
  begin_ = std::min(end + 1, buffer_.size());
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

base::Result<std::optional<std::string>> LineReader::next() {
  std::size_t seen = begin_;
  while (true) {
    if (const auto end = buffer_.find('\n', seen); end != std::string::npos) return take(end);
    buffer_.erase(0, begin_);
    begin_ = 0;
    seen = buffer_.size();
    if (seen > line_bytes_max) {
      return base::fail_for_good(Code::invalid_argument,
                                 "a line of " + path_ + " has more than " + std::to_string(line_bytes_max) + " bytes");
    }
    const auto more = read_more();
    if (!more) return std::unexpected(more.error());
    if (*more) continue;
    // A last line without an end counts, but not one that was still arriving.
    if (at_end_ && !buffer_.empty()) return take(buffer_.size());
    return std::nullopt;
  }
}

base::Result<bool> LineReader::read_more() {
  if (at_end_) return false;
  pollfd ready[3] = {{fd_, POLLIN, 0}, {stop_ends_[0], POLLIN, 0}, {interrupt_fd(), POLLIN, 0}};
  while (::poll(ready, 3, -1) < 0) {
    if (errno != EINTR) return cannot_read(path_, errno);
  }
  if (ready[1].revents != 0 || ready[2].revents != 0) return false;
  const std::size_t filled = buffer_.size();
  buffer_.resize(filled + (64 << 10));
  const ssize_t count = ::read(fd_, buffer_.data() + filled, buffer_.size() - filled);
  const int number = errno;
  buffer_.resize(filled + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  if (count < 0 && number != EINTR && number != EAGAIN) return cannot_read(path_, number);
  if (count == 0) at_end_ = true;
  return count != 0;
}

}  // namespace thalo::cli
