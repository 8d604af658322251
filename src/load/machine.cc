#include "load/machine.h"

#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <sstream>
#include <system_error>
#include <thread>

namespace thalo::load {

namespace {

// The text behind "name : " in a file of /proc.
std::string value_in(const char* file, std::string_view name) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name)) continue;
    const std::size_t colon = line.find(':');
    const std::size_t start = colon == std::string::npos ? colon : line.find_first_not_of(" \t", colon + 1);
    if (start != std::string::npos) return line.substr(start);
  }
  return {};
}

}  // namespace

Machine this_machine() {
  Machine out;
  out.processor = value_in("/proc/cpuinfo", "model name");
  if (out.processor.empty()) out.processor = "unknown processor";
  out.cores = std::thread::hardware_concurrency();
  out.memory_gb = std::strtod(value_in("/proc/meminfo", "MemTotal").c_str(), nullptr) / (1 << 20);
  utsname name{};
  if (::uname(&name) == 0) out.kernel = std::string(name.sysname) + " " + name.release + " " + name.machine;
  std::ifstream("/proc/loadavg") >> out.load_average;
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  std::array<char, 32> text{};
  if (::gmtime_r(&now, &parts) != nullptr) std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M", &parts);
  out.measured_at = text.data();
  return out;
}

std::string file_system_of(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::path path = std::filesystem::weakly_canonical(folder, error);
  // The longest mount point that the path is below.
  std::ifstream mounts("/proc/self/mounts");
  std::string best;
  std::string found = "unknown file system";
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream parts(line);
    std::string device;
    std::string place;
    std::string type;
    parts >> device >> place >> type;
    const std::string below = place == "/" ? "/" : place + "/";
    if (place.size() >= best.size() && (path.string() + "/").starts_with(below)) {
      best = place;
      found = type;
      found += " on ";
      found += device;
    }
  }
  return found;
}

base::Result<std::vector<std::uint64_t>> measure_sync(const std::filesystem::path& folder, double seconds) {
  using Clock = std::chrono::steady_clock;
  const std::filesystem::path path = folder / ".thalo-bench-sync";
  const auto fail = [&](const char* what) {
    return base::fail(base::Code::unavailable, std::string("cannot ") + what + " " + path.string() + ": " +
                                                   std::system_category().message(errno));
  };
  const int file = ::open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  if (file < 0) return fail("make");
  ::unlink(path.c_str());
  std::vector<std::uint64_t> out;
  const std::array<char, 4096> block{};
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  while (Clock::now() < end) {
    const auto start = Clock::now();
    if (::write(file, block.data(), block.size()) < 0 || ::fdatasync(file) != 0) {
      const auto error = fail("write to");
      ::close(file);
      return error;
    }
    out.push_back(static_cast<std::uint64_t>((Clock::now() - start).count()));
  }
  ::close(file);
  return out;
}

}  // namespace thalo::load
