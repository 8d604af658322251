// A line on a terminal's standard error that says how far a long command is.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace thalo::cli {

class Progress {
 public:
  // `what` is counted, e.g. "events"; `total` 0 means unknown.
  Progress(std::string what, std::uint64_t total);
  ~Progress();  // ends the line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void advance(std::uint64_t count);

 private:
  void draw();

  const std::string what_;
  const std::uint64_t total_;
  const bool shown_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point drawn_{};
  std::uint64_t done_ = 0;
};

}  // namespace thalo::cli
