#include "cli/import_line.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace thalo::cli {
namespace {

using base::Code;
using base::fail;

std::string text_of(std::string_view json) {
  const auto parsed = nlohmann::json::parse(json, nullptr, false);
  return parsed.is_string() ? parsed.get<std::string>() : std::string();
}

template <class Number>
bool read_number(std::string_view json, Number& out) {
  const auto result = std::from_chars(json.data(), json.data() + json.size(), out);
  return result.ec == std::errc() && result.ptr == json.data() + json.size();
}

}  // namespace

base::Result<ImportLine> parse_import_line(std::string_view text) {
  auto members = base::json_members(text);
  if (!members) return std::unexpected(members.error());
  ImportLine line;
  bool numbered = false;
  for (const auto& [key, value] : *members) {
    if (key == "stream") line.stream = text_of(value);
    if (key == "type") line.event.type = text_of(value);
    if (key == "data") line.event.data = value;
    if (key == "metadata" && value != "{}") line.event.metadata = value;
    if (key == "position") numbered = read_number(value, line.position);
    if (key == "time" && !read_number(value, line.time_ms.emplace()))
      return fail(Code::invalid_argument, "`time` is no whole number of milliseconds");
  }
  if (line.stream.empty()) return fail(Code::invalid_argument, "`stream` is missing");
  if (line.event.type.empty()) return fail(Code::invalid_argument, "`type` is missing");
  if (line.event.data.empty()) return fail(Code::invalid_argument, "`data` is missing");
  if (!numbered) return fail(Code::invalid_argument, "`position` is missing or no whole number");
  return line;
}

}  // namespace thalo::cli
