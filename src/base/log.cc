#include "base/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace thalo::base::log {
namespace {

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::trace:
      return spdlog::level::trace;
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warn:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
    case Level::off:
      break;
  }
  return spdlog::level::off;
}

std::string_view level_name(Level level) {
  switch (level) {
    case Level::trace:
      return "TRACE";
    case Level::debug:
      return "DEBUG";
    case Level::info:
      return " INFO";
    case Level::warn:
      return " WARN";
    case Level::error:
      return "ERROR";
    case Level::off:
      break;
  }
  return "  OFF";
}

spdlog::logger& logger() {
  // The one process-wide object of the project: log lines of all threads share standard error anyway.
  static const auto instance = [] {
    auto created = std::make_shared<spdlog::logger>("thalo", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    auto formatter =
        std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %v", spdlog::pattern_time_type::utc);
    created->set_formatter(std::move(formatter));
    created->set_level(spdlog::level::info);
    created->flush_on(spdlog::level::trace);
    return created;
  }();
  return *instance;
}

}  // namespace

Result<Level> parse_level(std::string_view word) {
  if (word == "trace") return Level::trace;
  if (word == "debug") return Level::debug;
  if (word == "info") return Level::info;
  if (word == "warn") return Level::warn;
  if (word == "error") return Level::error;
  if (word == "off") return Level::off;
  return fail(Code::invalid_argument,
              "log level '" + std::string(word) + "' is none of trace, debug, info, warn, error, off");
}

void set_level(Level level) { logger().set_level(to_spdlog(level)); }
bool enabled(Level level) { return logger().should_log(to_spdlog(level)); }

std::string Field::quote(std::string_view value) {
  static constexpr char hex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\x";
      out += hex[byte >> 4];
      out += hex[byte & 15];
    } else {
      out += c;
    }
  }
  out += '"';
  return out;
}

void write(Level level, std::string_view message, std::initializer_list<Field> fields) {
  if (!enabled(level)) return;
  std::string line(level_name(level));
  line += ' ';
  line += message;
  for (const Field& field : fields) {
    line += ' ';
    line += field.key();
    line += '=';
    line += field.text();
  }
  logger().log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace thalo::base::log
