#include "cli/event_text.h"

#include <cstdio>
#include <ctime>

#include "base/json.h"

namespace thalo::cli {

std::string to_json(const client::Event& event) {
  std::string out = "{\"id\":" + base::json_quote(event.id);
  out += ",\"global_position\":" + std::to_string(event.global_position);
  out += ",\"position\":" + std::to_string(event.position);
  out += ",\"stream\":" + base::json_quote(event.stream);
  out += ",\"type\":" + base::json_quote(event.type);
  out += ",\"data\":" + event.data;
  out += ",\"metadata\":" + (event.metadata.empty() ? std::string("{}") : event.metadata);
  out += ",\"time\":" + std::to_string(event.time_ms) + "}";
  return out;
}

std::string outcome_json(const client::Outcome& outcome) {
  if (const auto* rejection = std::get_if<model::Rejection>(&outcome))
    return R"("outcome":"rejected","error":)" + rejection->error;
  const auto& accepted = std::get<client::Accepted>(outcome);
  std::string out = R"("outcome":"accepted","version":)" + std::to_string(accepted.version) + R"(,"repeated":)" +
                    (accepted.repeated ? "true" : "false") + R"(,"events":[)";
  for (std::size_t i = 0; i < accepted.events.size(); ++i) out += (i == 0 ? "" : ",") + to_json(accepted.events[i]);
  return out + "]";
}

std::string time_text(std::int64_t time_ms) {
  const auto milliseconds = static_cast<int>((time_ms % 1000 + 1000) % 1000);  // also before 1970
  const std::time_t seconds = (time_ms - milliseconds) / 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[64];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(text + size, sizeof text - size, ".%03dZ", milliseconds);
  return text;
}

}  // namespace thalo::cli
