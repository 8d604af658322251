// Lines of a file or of standard input, read so that a wait for the next one can be ended.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"

namespace thalo::cli {

// One thread reads; any other may stop it.
class LineReader {
 public:
  // The most bytes a line may have.
  static constexpr std::size_t line_bytes_max = std::size_t{64} << 20;

  // "-" is standard input. NOT_FOUND, PERMISSION_DENIED, …
  static base::Result<LineReader> open(const std::string& path);
  LineReader(LineReader&& other) noexcept;
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;
  ~LineReader();

  // The next line without its end; none at the end of the file, when it was stopped or when an interrupt was caught
  // (cli/interrupt.h). Waits.
  base::Result<std::optional<std::string>> next();
  // Whether a whole line has been read already.
  bool ready() const { return buffer_.find('\n', begin_) != std::string::npos; }
  void stop();

  // 0 when it is not a file of known size.
  std::uint64_t size_bytes() const { return size_bytes_; }

 private:
  LineReader(std::string path, int fd, std::uint64_t size_bytes);
  // False: no more.
  base::Result<bool> read_more();
  std::string take(std::size_t end);

  std::string path_;
  int fd_;
  std::uint64_t size_bytes_;
  int stop_ends_[2] = {-1, -1};
  std::string buffer_;
  std::size_t begin_ = 0;
  bool at_end_ = false;
};

}  // namespace thalo::cli
