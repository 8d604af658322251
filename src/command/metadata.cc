#include "command/metadata.h"

#include <nlohmann/json.hpp>

#include "base/json.h"

namespace thalo::command {
namespace {

constexpr std::string_view command_id_key = "{\"command_id\":";

void add(std::string& out, std::string_view key, std::string_view json) {
  out += out.empty() ? '{' : ',';
  out += '"';
  out += key;
  out += "\":";
  out += json;
}

}  // namespace

std::string event_metadata(const model::Command& command) {
  std::string out;
  if (!command.id.empty()) add(out, "command_id", base::json_quote(command.id));
  if (!command.correlation_id.empty()) add(out, "correlation_id", base::json_quote(command.correlation_id));
  if (!command.causation_id.empty()) add(out, "causation_id", base::json_quote(command.causation_id));
  if (!command.metadata.empty()) add(out, "metadata", command.metadata);
  if (!out.empty()) out += '}';
  return out;
}

std::string command_id_of(std::string_view metadata) {
  // Only this folder writes the key, and always first: the common case of no command id costs a comparison.
  if (!metadata.starts_with(command_id_key)) return {};
  const auto parsed = nlohmann::json::parse(metadata, nullptr, false);
  const auto id = parsed.find("command_id");
  return id != parsed.end() && id->is_string() ? id->get<std::string>() : std::string();
}

}  // namespace thalo::command
