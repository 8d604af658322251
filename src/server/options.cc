#include "server/options.h"

#include <toml++/toml.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <sstream>
#include <system_error>
#include <utility>

#include "base/duration_limit.h"
#include "base/version.h"
#include "help/man_page.h"
#include "server/relay_options.h"

namespace thalo::server {
namespace {

// Reads the flags' long names as TOML keys: `cache-size = 10000`, `addr = ["127.0.0.1:4433"]`; and [[relay]] tables.
class TomlConfig final : public CLI::Config {
 public:
  TomlConfig(const CLI::App& app, std::vector<relay::Settings>& relays) : app_(app), relays_(relays) {}

  std::string to_config(const CLI::App*, bool, bool, std::string) const override { return {}; }

  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
    toml::table table;
    try {
      table = toml::parse(input);
    } catch (const toml::parse_error& error) {
      std::ostringstream where;
      where << "config file: " << error.description() << " (line " << error.source().begin.line << ")";
      throw CLI::ConfigError(where.str(), CLI::ExitCodes::ConfigError);
    }
    std::vector<CLI::ConfigItem> items;
    for (const auto& [key, value] : table) {
      const std::string name(key.str());
      if (name == "relay") {
        auto relays = read_relays(value);
        if (!relays) throw CLI::ConfigError("config file: " + relays.error().message, CLI::ExitCodes::ConfigError);
        relays_ = *std::move(relays);
        continue;
      }
      const CLI::Option* option = app_.get_option_no_throw("--" + name);
      if (option == nullptr)
        throw CLI::ConfigError(
            "config file: unknown key '" + name + "'; its keys are the long flags of --help, and 'relay'",
            CLI::ExitCodes::ConfigError);
      // The environment goes before the file.
      if (!option->get_envname().empty() && std::getenv(option->get_envname().c_str()) != nullptr) continue;
      CLI::ConfigItem item;
      item.name = name;
      item.inputs = values_of(name, value);
      items.push_back(std::move(item));
    }
    return items;
  }

 private:
  static std::vector<std::string> values_of(const std::string& name, const toml::node& value) {
    if (const auto* array = value.as_array()) {
      std::vector<std::string> out;
      for (const auto& element : *array) out.push_back(text_of(name, element));
      return out;
    }
    return {text_of(name, value)};
  }

  static std::string text_of(const std::string& name, const toml::node& value) {
    if (const auto* text = value.as_string()) return text->get();
    if (const auto* number = value.as_integer()) return std::to_string(number->get());
    if (const auto* flag = value.as_boolean()) return flag->get() ? "true" : "false";
    throw CLI::ConfigError("config file: '" + name + "' must be a string, a number, true, false or a list of those",
                           CLI::ExitCodes::ConfigError);
  }

  const CLI::App& app_;
  std::vector<relay::Settings>& relays_;
};

std::string environment_name(const std::string& flag) {
  std::string out = "THALO_";
  for (const char c : flag.substr(flag.rfind("--") + 2))
    out += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

CLI::Validator not_negative() {
  return CLI::Validator(
      [](std::string& text) { return text.starts_with('-') ? "'" + text + "' is negative" : std::string(); }, "");
}

// Declares the flags; each has its THALO_* variable and shows its default.
class Flags {
 public:
  explicit Flags(CLI::App& app) : app_(app) {}

  template <class T>
  CLI::Option* add(const std::string& flag, T& value, const std::string& help) {
    auto* option = app_.add_option(flag, value, help)->envname(environment_name(flag))->capture_default_str();
    // CLI11 reads "-1" into an unsigned number as a huge one.
    if constexpr (std::is_unsigned_v<T>) option->check(not_negative());
    return option;
  }

 private:
  CLI::App& app_;
};

CLI::Validator at_least(std::uint64_t least) {
  return CLI::Validator(
      [least](std::string& text) -> std::string {
        std::uint64_t value = 0;
        if (!CLI::detail::lexical_cast(text, value)) return "'" + text + "' is not a whole number";
        return value >= least ? std::string() : "must be at least " + std::to_string(least);
      },
      "UINT");
}

CLI::Validator milliseconds(std::uint64_t least) { return CLI::Range(least, base::duration_ms_max); }

// CLI11 would say of all of these that they are "not readable (missing?)".
CLI::Validator is_file() {
  return CLI::Validator(
      [](std::string& text) -> std::string {
        std::error_code error;
        const auto status = std::filesystem::status(text, error);
        if (text.empty() || std::filesystem::is_regular_file(status)) return "";
        if (std::filesystem::is_directory(status)) return "'" + text + "' is a folder; name the TOML file itself";
        return "cannot read '" + text + "'" + (error ? ": " + error.message() : ": it is no file");
      },
      "");
}

void check_addresses(const std::vector<std::string>& addresses) {
  for (const std::string& address : addresses) {
    const auto colon = address.rfind(':');
    const std::string port = colon == std::string::npos ? "" : address.substr(colon + 1);
    std::uint64_t number = 0;
    const bool is_port = !port.empty() && port.find_first_not_of("0123456789") == std::string::npos &&
                         CLI::detail::lexical_cast(port, number) && number <= 65535;
    if (!port.empty() && colon > 0 && !is_port)
      throw CLI::ValidationError("--addr", "'" + address + "' has the port '" + port + "'; ports are 0 to 65535");
    if (port.empty() || colon == 0) {
      throw CLI::ValidationError("--addr",
                                 "'" + address + "' is not of the form host:port, e.g. 127.0.0.1:4433 or [::1]:4433");
    }
  }
}

std::map<std::string, std::uint64_t, std::less<>> parse_snapshot_events_of(const std::vector<std::string>& entries) {
  std::map<std::string, std::uint64_t, std::less<>> out;
  for (const std::string& entry : entries) {
    const auto equals = entry.find('=');
    std::uint64_t events = 0;
    const std::string number = equals == std::string::npos ? "" : entry.substr(equals + 1);
    if (equals == 0 || number.find_first_not_of("0123456789") != std::string::npos ||
        !CLI::detail::lexical_cast(number, events)) {
      throw CLI::ValidationError("--snapshot-events-of",
                                 "'" + entry + "' is not of the form NAME=EVENTS, e.g. counter=100");
    }
    out[entry.substr(0, equals)] = events;
  }
  return out;
}

// The relay of --redis goes with those of the file.
void add_redis_relay(std::vector<relay::Settings>& relays, relay::Settings redis) {
  if (!redis.url.empty()) relays.push_back(std::move(redis));
  if (auto checked = relay::check_settings(relays); !checked)
    throw CLI::ConfigError(checked.error().message, CLI::ExitCodes::ConfigError);
}

}  // namespace

std::variant<Options, Exit> parse_options(int argc, const char* const* argv) {
  Options options;
  std::string log = "info";
  std::string store = options.store_path.string();
  std::string modules = options.modules_path.string();
  std::string module_cache;
  std::string backup_path;
  std::uint64_t time_limit_ms = static_cast<std::uint64_t>(options.limits.time_per_call.count());
  std::uint64_t snapshot_interval_ms = static_cast<std::uint64_t>(options.snapshot_interval.count());
  std::vector<std::string> snapshot_events_of;
  std::uint64_t queue_wait_ms = static_cast<std::uint64_t>(options.queue_wait_max.count());
  std::uint64_t fast_lane_time_ms = static_cast<std::uint64_t>(options.fast_lane_time.count());
  std::uint64_t drain_timeout_ms = static_cast<std::uint64_t>(options.drain_timeout.count());

  CLI::App app{"thalo-runtime: serves the aggregates of a modules folder over gRPC and stores their events.",
               "thalo-runtime"};
  app.set_version_flag("--version", "thalo-runtime " + std::string(base::version));
  app.footer(
      "Every flag can also be given as THALO_… in the environment or, by its long name, as a key of the TOML file of "
      "--config;\n"
      "a flag goes before the environment, which goes before the file.");
  app.set_config("--config", "", "TOML file with these settings")->envname("THALO_CONFIG")->check(is_file());
  app.config_formatter(std::make_shared<TomlConfig>(app, options.relays));
  bool man = false;
  app.add_flag("--man", man)->configurable(false)->group("");  // hidden: for the build, which makes the manual page
  Flags flags(app);
  flags.add("-s,--message-store-path", store, "Folder of the event store; made when missing");
  flags.add("-m,--modules-path", modules, "Folder of the module files (*.wasm); made when missing");
  flags.add("--module-cache-path", module_cache, "Folder of compiled modules [default: .cache in the modules folder]");
  flags.add("--backup-path", backup_path,
            "Folder below which clients may have backups of the store made; made when missing [default: none]");
  flags
      .add("--addr", options.addresses,
           "Address to listen on, host:port; may be given several times [default: 127.0.0.1:4433 and [::1]:4433]")
      ->delimiter(',');
  flags.add("--cache-size", options.cached_entities_max, "Entities kept in memory, all shards together")
      ->check(CLI::Range(std::size_t{1}, std::size_t{UINT32_MAX}));
  flags.add("--log", log, "Least level that is logged: trace, debug, info, warn, error or off");
  flags.add("--shards", options.shards, "Threads that own entities; 0: one per core")->check(CLI::Range(0, 1024));
  flags.add("--net-threads", options.net_threads, "Threads that serve connections")->check(CLI::Range(1, 256));
  flags.add("--read-threads", options.read_threads, "Threads that read the store for clients")
      ->check(CLI::Range(1, 256));
  flags
      .add("--queue-size", options.queue_commands_max,
           "Commands that may wait for one shard before new ones are refused")
      ->check(at_least(1));
  flags
      .add("--queue-wait-ms", queue_wait_ms,
           "How long a command may wait for its shard, at the speed of the last ones, before new ones are refused, in "
           "milliseconds; 0: --queue-size alone decides")
      ->check(milliseconds(0));
  flags.add("--message-size-limit", options.message_size_bytes_max, "Bytes of one gRPC request")->check(at_least(1024));
  flags.add("--time-limit-ms", time_limit_ms, "Time one call into a module may take, in milliseconds")
      ->check(milliseconds(1));
  flags
      .add("--fast-lane-time-ms", fast_lane_time_ms,
           "Time after which a call is moved to the slow lane, with its aggregate and until a restart, in milliseconds")
      ->check(milliseconds(1));
  flags.add("--fuel-limit", options.limits.fuel_per_call,
            "Instructions one call into a module may execute, about; 0: not counted");
  flags.add("--memory-limit", options.limits.memory_per_instance_bytes, "Bytes of memory of one module instance")
      ->check(at_least(65536));
  flags.add("--events-limit", options.limits.events_per_command, "Events one command may produce")->check(at_least(1));
  flags.add("--event-size-limit", options.limits.event_size_bytes, "Bytes of one event's type and payload")
      ->check(at_least(1));
  auto* const entities_per_instance =
      flags
          .add("--entities-per-instance", options.limits.entities_per_instance,
               "Entities that share one module instance; unless given, small ones where a shard has very many: 1/" +
                   std::to_string(options.crowding.instances) + " of them, at most " +
                   std::to_string(options.crowding.entities_per_instance))
          ->check(at_least(1));
  app.add_flag("--watch-modules", options.watch_modules,
               "Serve module files that appear or change in the modules folder while running")
      ->envname("THALO_WATCH_MODULES");
  flags.add("--snapshot-events", options.snapshot_events,
            "Events after which a snapshot of an entity is taken, where its module offers them; 0: never");
  flags
      .add("--snapshot-events-of", snapshot_events_of,
           "The same for one aggregate, e.g. counter=100; may be given several times")
      ->delimiter(',');
  flags
      .add("--snapshot-interval-ms", snapshot_interval_ms,
           "The least time between two snapshots of an entity, in milliseconds")
      ->check(milliseconds(0));
  flags
      .add("--drain-timeout-ms", drain_timeout_ms,
           "How long a stopping server waits for the calls in flight, in milliseconds")
      ->check(milliseconds(0));

  relay::Settings redis;
  redis.name = "redis";
  redis.kind = "redis";
  redis.name_template = "{category}_events";
  flags.add("--redis", redis.url,
            "Relay all events to the Redis streams of this server, e.g. redis://localhost:6379 [default: none]");
  flags.add("--redis-stream-max-len", redis.stream_max_len,
            "About how many entries the relay of --redis keeps in a stream; 0: all");
  flags.add("--redis-stream-name-template", redis.name_template,
            "The streams' names: {category}, {stream}, {id} and {type} are replaced");

  try {
    app.parse(argc, argv);
    if (man) return Exit{0, help::man_page(help::describe(app), base::version)};
    check_addresses(options.addresses);
    options.snapshot_events_of = parse_snapshot_events_of(snapshot_events_of);
    add_redis_relay(options.relays, std::move(redis));
    auto level = base::log::parse_level(log);
    if (!level) throw CLI::ValidationError("--log", level.error().message);
    options.log_level = *level;
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    std::ostringstream err;
    const int code = app.exit(error, out, err);
    if (code == 0) return Exit{0, out.str()};
    return Exit{2, err.str()};
  }
  options.store_path = store;
  options.modules_path = modules;
  options.backup_path = backup_path;
  options.module_cache_path =
      module_cache.empty() ? options.modules_path / ".cache" : std::filesystem::path(module_cache);
  // Who says how many may be lost with an instance has said it for every shard.
  if (*entities_per_instance) options.crowding.entities_per_instance = options.limits.entities_per_instance;
  options.limits.time_per_call = std::chrono::milliseconds(time_limit_ms);
  options.snapshot_interval = std::chrono::milliseconds(snapshot_interval_ms);
  options.fast_lane_time = std::chrono::milliseconds(fast_lane_time_ms);
  options.queue_wait_max = std::chrono::milliseconds(queue_wait_ms);
  options.drain_timeout = std::chrono::milliseconds(drain_timeout_ms);
  return options;
}

}  // namespace thalo::server
