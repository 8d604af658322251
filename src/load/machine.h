// Where a figure was measured: without it, it means little.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace thalo::load {

struct Machine {
  std::string processor;
  unsigned cores = 0;
  double memory_gb = 0;
  std::string kernel;
  double load_average = 0;  // of the last minute, before the run
  std::string measured_at;  // UTC, e.g. 2026-01-31 12:00
};
Machine this_machine();

// E.g. "ext4 on /dev/vda1". Of the folder, or of the nearest that exists above it.
std::string file_system_of(const std::filesystem::path& folder);

// Writes 4 KiB and calls fdatasync, again and again for `seconds`, in a file below `folder`; nanoseconds each. The
// floor of a lone durable command. UNAVAILABLE: the folder cannot be written to.
base::Result<std::vector<std::uint64_t>> measure_sync(const std::filesystem::path& folder, double seconds);

}  // namespace thalo::load
