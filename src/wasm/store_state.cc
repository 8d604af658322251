#include "wasm/store_state.h"

namespace thalo::wasm {
namespace {

constexpr std::uint64_t clock_step_ns = 1000;

// FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/): a seed that is the same on every machine, not a secret.
std::uint64_t hash(std::string_view text) {
  std::uint64_t value = 0xcbf29ce484222325;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return value;
}

}  // namespace

void StoreState::begin_call(std::string_view of_stream, std::uint64_t version, std::int64_t at_ms) {
  stream = of_stream;
  time_ms = at_ms;
  clock_readings = 0;
  random_state = version;
  timed_since.reset();
  out_of_time = false;
  memory.refused = false;
  host_trap.clear();
}

std::uint64_t StoreState::next_random() {
  // SplitMix64 (https://prng.di.unimi.it/splitmix64.c).
  random_state += 0x9e3779b97f4a7c15;
  std::uint64_t value = random_state ^ hash(stream);
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

std::uint64_t StoreState::monotonic_now_ns() {
  const auto base = static_cast<std::uint64_t>(time_ms < 0 ? 0 : time_ms) * 1'000'000;
  return base + ++clock_readings * clock_step_ns;
}

void StoreState::print(OutputStream where, std::string_view text) {
  std::string& line = printed_[static_cast<std::size_t>(where)];
  for (const char c : text) {
    if (c == '\n' || line.size() >= GuestLog::message_size_bytes_max) log_line(where);
    if (c != '\n') line += c;
  }
}

void StoreState::log_line(OutputStream where) {
  std::string& line = printed_[static_cast<std::size_t>(where)];
  const auto level = where == OutputStream::standard_error ? base::log::Level::warn : base::log::Level::info;
  if (!line.empty()) log->write(level, stream, line);
  line.clear();
}

void StoreState::end_call() {
  log_line(OutputStream::standard_output);
  log_line(OutputStream::standard_error);
}

}  // namespace thalo::wasm
