// Structured log lines on standard error: `2026-01-31T12:00:00.123Z  INFO loaded module from file
// file="modules/counter.wasm"`.
//
// Quiet by default (level info, one line per thing an operator acts on). Any thread.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/result.h"

namespace thalo::base::log {

enum class Level : std::uint8_t { trace, debug, info, warn, error, off };

// "trace", "debug", "info", "warn", "error" or "off"; INVALID_ARGUMENT names the word and the choices.
Result<Level> parse_level(std::string_view word);
void set_level(Level level);
bool enabled(Level level);

// One key and its value, rendered at once: strings are quoted and escaped, numbers and booleans stand bare.
class Field {
 public:
  Field(std::string_view key, std::string_view value) : key_(key), text_(quote(value)) {}
  Field(std::string_view key, const char* value) : Field(key, std::string_view(value)) {}
  Field(std::string_view key, const std::string& value) : Field(key, std::string_view(value)) {}
  Field(std::string_view key, bool value) : key_(key), text_(value ? "true" : "false") {}
  template <class Number>
    requires((std::integral<Number> || std::floating_point<Number>) && !std::same_as<Number, bool>)
  Field(std::string_view key, Number value) : key_(key), text_(std::to_string(value)) {}

  std::string_view key() const { return key_; }
  std::string_view text() const { return text_; }

 private:
  static std::string quote(std::string_view value);
  std::string_view key_;
  std::string text_;
};

void write(Level level, std::string_view message, std::initializer_list<Field> fields = {});

inline void debug(std::string_view message, std::initializer_list<Field> fields = {}) {
  write(Level::debug, message, fields);
}
inline void info(std::string_view message, std::initializer_list<Field> fields = {}) {
  write(Level::info, message, fields);
}
inline void warn(std::string_view message, std::initializer_list<Field> fields = {}) {
  write(Level::warn, message, fields);
}
inline void error(std::string_view message, std::initializer_list<Field> fields = {}) {
  write(Level::error, message, fields);
}

}  // namespace thalo::base::log
