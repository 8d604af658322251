#include "relay/settings.h"

#include <algorithm>
#include <set>

#include "model/stream_name.h"
#include "relay/sinks.h"

namespace thalo::relay {
namespace {

using std::chrono::milliseconds;

base::Result<> refused(const Settings& settings, const std::string& field, const std::string& why) {
  return base::fail(base::Code::invalid_argument, "relay '" + settings.name + "': " + field + ": " + why);
}

base::Result<> check_name(const Settings& settings) {
  const std::string& name = settings.name;
  const bool legal =
      !name.empty() && name.size() <= 64 && name != "." && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
               c == '.';
      });
  if (legal) return {};
  return refused(settings, "name", "must be 1 to 64 letters, digits, '_', '-' or '.'");
}

base::Result<> check_filter(const Settings& settings) {
  for (const std::string& category : settings.categories) {
    if (auto checked = model::check_category(category); !checked)
      return refused(settings, "categories", checked.error().message);
  }
  for (const std::string& stream : settings.streams) {
    if (auto parsed = model::StreamName::parse(stream); !parsed)
      return refused(settings, "streams", parsed.error().message);
  }
  for (const std::string& type : settings.types) {
    if (auto checked = model::check_event_type(type); !checked)
      return refused(settings, "types", checked.error().message);
  }
  return {};
}

template <class Value>
base::Result<> check_range(const Settings& settings, const std::string& field, Value value, std::uint64_t least,
                           std::uint64_t most) {
  if (static_cast<std::uint64_t>(value) >= least && static_cast<std::uint64_t>(value) <= most) return {};
  return refused(settings, field, "must be from " + std::to_string(least) + " to " + std::to_string(most));
}

}  // namespace

base::Result<> check_settings(const Settings& settings) {
  if (auto checked = check_name(settings); !checked) return checked;
  if (settings.url.empty()) return refused(settings, "url", "is missing");
  if (auto checked = check_filter(settings); !checked) return checked;
  if (auto checked = check_range(settings, "batch-events", settings.batch_events_max, 1, 10000); !checked)
    return checked;
  if (auto checked = check_range(settings, "batch-bytes", settings.batch_bytes_max, 1024, 64 << 20); !checked)
    return checked;
  if (auto checked = check_range(settings, "timeout-ms", settings.timeout.count(), 10, 600000); !checked)
    return checked;
  if (auto checked = check_range(settings, "retry-max-ms", settings.retry_max.count(), 100, 3600000); !checked)
    return checked;
  // The sink checks what is its own, and is thrown away.
  if (auto sink = make_sink(settings, {}); !sink) return std::unexpected(sink.error());
  return {};
}

base::Result<> check_settings(const std::vector<Settings>& relays) {
  if (relays.size() > relays_max) {
    return base::fail(base::Code::invalid_argument,
                      std::to_string(relays.size()) + " relays are too many; at most " + std::to_string(relays_max));
  }
  std::set<std::string> names;
  for (const Settings& settings : relays) {
    if (auto checked = check_settings(settings); !checked) return checked;
    if (!names.insert(settings.name).second) return refused(settings, "name", "another relay has this name");
  }
  return {};
}

std::string projection_name(std::string_view relay_name) { return "$relay." + std::string(relay_name); }

}  // namespace thalo::relay
