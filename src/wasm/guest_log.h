// The log lines of one module's guests, bounded so that a hostile guest floods neither the log nor the memory.
//
// Shared by all instances of the module; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "base/log.h"

namespace thalo::wasm {

class GuestLog {
 public:
  static constexpr std::size_t message_size_bytes_max = 4096;  // the rest of a longer message is cut off
  static constexpr std::uint64_t lines_per_second = 200;
  static constexpr std::uint64_t burst_lines = 1000;

  explicit GuestLog(std::string module) : module_(std::move(module)) {}

  // Writes a line with the stream and the module, or drops it when the module has used up its lines; how many were
  // dropped is logged with the next line that is not.
  void write(base::log::Level level, std::string_view stream, std::string_view message);

  const std::string& module() const { return module_; }

 private:
  bool take_line(std::uint64_t& dropped_before);

  const std::string module_;
  std::mutex mutex_;
  double lines_left_ = burst_lines;
  std::chrono::steady_clock::time_point refilled_ = std::chrono::steady_clock::now();
  std::uint64_t dropped_ = 0;
};

}  // namespace thalo::wasm
