#include "cli/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace thalo::cli {

Progress::Progress(std::string what, std::uint64_t total)
    : what_(std::move(what)), total_(total), shown_(::isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() {
  if (!shown_ || done_ == 0) return;
  draw();
  std::fputc('\n', stderr);
}

void Progress::advance(std::uint64_t count) {
  done_ += count;
  if (!shown_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now - drawn_ < std::chrono::milliseconds(100)) return;
  drawn_ = now;
  draw();
}

void Progress::draw() {
  constexpr int width = 30;
  const double seconds =
      std::max(1e-3, std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count());
  std::string bar;
  if (total_ > 0) {
    const auto filled =
        static_cast<std::size_t>(width * std::min(1.0, static_cast<double>(done_) / static_cast<double>(total_)));
    bar = "[" + std::string(filled, '#') + std::string(width - filled, ' ') + "] ";
  }
  std::fprintf(stderr, "\r%s%llu %s, %.0f/s ", bar.c_str(), static_cast<unsigned long long>(done_), what_.c_str(),
               static_cast<double>(done_) / seconds);
  std::fflush(stderr);
}

}  // namespace thalo::cli
