// What `thalo-runtime` can be told: flags over THALO_* environment variables over a TOML file over defaults.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "base/log.h"
#include "command/instance_pool.h"
#include "relay/settings.h"
#include "wasm/engine.h"

namespace thalo::server {

struct Options {
  std::filesystem::path store_path = "message-store.db";
  std::filesystem::path modules_path = "modules";
  std::filesystem::path backup_path;        // empty: no backups for clients
  std::filesystem::path module_cache_path;  // empty: `.cache` in the modules folder
  std::vector<std::string> addresses;       // empty: port 4433 on both loopback addresses
  std::size_t cached_entities_max = 10000;
  std::size_t shards = 0;  // 0: one per core
  unsigned net_threads = 1;
  std::size_t read_threads = 2;
  std::size_t queue_commands_max = 8192;
  std::chrono::milliseconds queue_wait_max{2000};
  std::size_t message_size_bytes_max = std::size_t{32} << 20;  // a published module in Python has some 19 MB
  bool watch_modules = false;
  std::uint64_t snapshot_events = 1000;
  std::map<std::string, std::uint64_t, std::less<>> snapshot_events_of;  // by category
  std::chrono::milliseconds snapshot_interval{10000};
  std::chrono::milliseconds drain_timeout{10000};
  wasm::Limits limits;
  command::Crowding crowding;
  std::chrono::milliseconds fast_lane_time{50};
  std::vector<relay::Settings> relays;
  base::log::Level log_level = base::log::Level::info;
};

// The command line asked for something that needs no server (--help, --version) or cannot be read: what to print and
// the exit code.
struct Exit {
  int code = 0;
  std::string text;  // to standard output when code is 0, else to standard error
};

std::variant<Options, Exit> parse_options(int argc, const char* const* argv);

}  // namespace thalo::server
