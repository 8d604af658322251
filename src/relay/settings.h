// What a relay is told: one [[relay]] table of the configuration file.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace thalo::relay {

inline constexpr std::size_t relays_max = 64;

struct Settings {
  std::string name;  // letters, digits, '_', '-' and '.', at most 64
  std::string kind;  // "redis", "nats", "kafka" or "http"
  std::string url;
  // What the target calls the place an event goes to (Redis key, NATS subject, Kafka topic, CloudEvents source), made
  // from the event; empty: the kind's own default. See name_template.h.
  std::string name_template;

  // Events must match every list that is not empty.
  std::vector<std::string> categories;
  std::vector<std::string> streams;
  std::vector<std::string> types;

  std::size_t batch_events_max = 1000;
  std::size_t batch_bytes_max = std::size_t{1} << 20;  // of data and metadata; one larger event is a batch by itself
  std::chrono::milliseconds timeout{10000};            // of one delivery, connecting included
  std::chrono::milliseconds retry_max{10000};          // the longest pause between two attempts

  std::uint64_t stream_max_len = 10000;  // redis: about so many entries are kept per stream; 0: all
  bool batched = true;                   // http: several events per request
  std::filesystem::path secret_file;     // http: what requests are signed with; empty: not signed
};

// The kinds this program was built with.
std::vector<std::string_view> built_kinds();

// INVALID_ARGUMENT names the relay and the field. Reads no file and touches no network.
base::Result<> check_settings(const Settings& settings);
// The same for all of them, that no two have one name, and that they are not too many.
base::Result<> check_settings(const std::vector<Settings>& relays);

// The projection that holds the relay's place: "$relay.NAME". No client can name one like that.
std::string projection_name(std::string_view relay_name);

}  // namespace thalo::relay
