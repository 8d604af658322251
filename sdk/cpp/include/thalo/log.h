// Lines for the runtime's log, which adds the stream's name: thalo::log::info("account closed"). Natively they go to
// standard error.
#pragma once

#include <string_view>

#if !defined(__wasm__)
#include <cstdio>
#endif

namespace thalo::log {

enum class Level : int { trace, debug, info, warn, error };

#if defined(__wasm__)
namespace detail {
extern "C" __attribute__((import_module("thalo:aggregate/log@1.0.0"), import_name("write"))) void thalo_log_write(
    int level, const char* text, unsigned long size);
}  // namespace detail

inline void write(Level level, std::string_view message) {
  detail::thalo_log_write(static_cast<int>(level), message.data(), message.size());
}
#else
inline void write(Level level, std::string_view message) {
  static constexpr const char* names[] = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR"};
  std::fprintf(stderr, "%5s %.*s\n", names[static_cast<int>(level)], static_cast<int>(message.size()), message.data());
}
#endif

inline void trace(std::string_view message) { write(Level::trace, message); }
inline void debug(std::string_view message) { write(Level::debug, message); }
inline void info(std::string_view message) { write(Level::info, message); }
inline void warn(std::string_view message) { write(Level::warn, message); }
inline void error(std::string_view message) { write(Level::error, message); }

}  // namespace thalo::log
