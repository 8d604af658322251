#include "cli/command_lines.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <string>

#include "base/json.h"

namespace thalo::cli {
namespace {

using base::Code;
using base::fail;

base::Result<> read_text(std::string_view key, std::string_view json, std::string& out) {
  const auto parsed = nlohmann::json::parse(json, nullptr, false);
  if (!parsed.is_string()) return fail(Code::invalid_argument, "`" + std::string(key) + "` is no string");
  out = parsed.get<std::string>();
  return {};
}

base::Result<> read_version(std::string_view json, std::optional<std::uint64_t>& out) {
  std::uint64_t version = 0;
  const auto read = std::from_chars(json.data(), json.data() + json.size(), version);
  if (read.ec != std::errc() || read.ptr != json.data() + json.size())
    return fail(Code::invalid_argument, "`expected_version` is no whole number from 0 up");
  out = version;
  return {};
}

base::Result<> read_member(std::string_view key, std::string_view json, client::Command& out) {
  if (key == "category") return read_text(key, json, out.category);
  if (key == "id") return read_text(key, json, out.id);
  if (key == "command") return read_text(key, json, out.name);
  if (key == "command_id") return read_text(key, json, out.command_id);
  if (key == "correlation_id") return read_text(key, json, out.correlation_id);
  if (key == "causation_id") return read_text(key, json, out.causation_id);
  if (key == "expected_version") return read_version(json, out.expected_version);
  if (key == "payload") {
    out.payload = json;
    return {};
  }
  if (key == "metadata") {
    if (!json.starts_with('{')) return fail(Code::invalid_argument, "`metadata` is no JSON object");
    out.metadata = json;
    return {};
  }
  return fail(Code::invalid_argument, "`" + std::string(key) +
                                          "` is not a member of a command: those are category, id, command, payload, "
                                          "command_id, correlation_id, causation_id, metadata and expected_version");
}

}  // namespace

base::Result<client::Command> parse_command_line(std::string_view line) {
  auto members = base::json_members(line);
  if (!members) return std::unexpected(members.error());
  client::Command command;
  for (auto member = members->begin(); member != members->end(); ++member) {
    const auto& [key, value] = *member;
    const auto is_this = [&key](const auto& other) { return other.first == key; };
    if (std::any_of(members->begin(), member, is_this))
      return fail(Code::invalid_argument, "`" + std::string(key) + "` is there twice");
    if (auto read = read_member(key, value, command); !read) return std::unexpected(read.error());
  }
  const auto missing = [](std::string_view key) {
    return fail(Code::invalid_argument, "`" + std::string(key) + "` is missing or empty");
  };
  if (command.category.empty()) return missing("category");
  if (command.id.empty()) return missing("id");
  if (command.name.empty()) return missing("command");
  return command;
}

}  // namespace thalo::cli
