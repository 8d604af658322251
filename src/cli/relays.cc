// thalo relays.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iomanip>
#include <iostream>
#include <memory>

#include "base/counted.h"
#include "base/json.h"
#include "cli/connection.h"
#include "cli/event_text.h"
#include "cli/subcommands.h"
#include "cli/terminal.h"

namespace thalo::cli {
namespace {

struct RelaysFlags {
  ServerFlags server;
  bool json = false;
};

std::string to_json(const client::Relay& relay) {
  return "{\"name\":" + base::json_quote(relay.name) + ",\"kind\":" + base::json_quote(relay.kind) +
         ",\"url\":" + base::json_quote(relay.url) + ",\"state\":" + base::json_quote(relay.state) +
         ",\"since_ms\":" + std::to_string(relay.since_ms) + ",\"error\":" + base::json_quote(relay.error) +
         ",\"error_ms\":" + std::to_string(relay.error_ms) + ",\"failures\":" + std::to_string(relay.failures) +
         ",\"delivered\":" + std::to_string(relay.delivered) + ",\"projection\":" + base::json_quote(relay.projection) +
         ",\"cursor\":" + std::to_string(relay.cursor) + ",\"head\":" + std::to_string(relay.head) +
         ",\"lag_events\":" + std::to_string(relay.lag_events) + ",\"lag_ms\":" + std::to_string(relay.lag_ms) +
         ",\"paused\":" + (relay.paused ? "true" : "false") + "}";
}

void print_table(const std::vector<client::Relay>& relays) {
  std::size_t name_width = 4;
  std::size_t url_width = 3;
  std::size_t projection_width = 10;
  for (const client::Relay& relay : relays) {
    name_width = std::max(name_width, relay.name.size());
    url_width = std::max(url_width, relay.url.size());
    projection_width = std::max(projection_width, relay.projection.size());
  }
  const auto row = [&](const std::string& name, const std::string& kind, const std::string& url,
                       const std::string& projection, const std::string& state, const std::string& lag,
                       const std::string& lag_seconds) {
    std::cout << std::left << std::setw(static_cast<int>(name_width) + 2) << name << std::setw(7) << kind
              << std::setw(static_cast<int>(url_width) + 2) << url << std::setw(static_cast<int>(projection_width) + 2)
              << projection << std::setw(10) << state << std::right << std::setw(12) << lag << std::setw(12)
              << lag_seconds << '\n';
  };
  row("NAME", "KIND", "URL", "PROJECTION", "STATE", "LAG EVENTS", "LAG SECONDS");
  for (const client::Relay& relay : relays) {
    row(relay.name, relay.kind, relay.url, relay.projection, relay.paused ? "paused" : relay.state,
        std::to_string(relay.lag_events), std::to_string(relay.lag_ms / 1000));
    if (relay.state == "retrying" || relay.state == "stopped") {
      std::cout << "    since " << time_text(relay.since_ms) << ", " << base::counted(relay.failures, "failure") << ": "
                << relay.error << "\n    what it is stuck on: thalo projections '" << relay.projection << "'\n";
    }
  }
}

int relays(const RelaysFlags& flags) {
  auto client = connect(flags.server);
  if (!client) return report(client.error());
  auto relays = (*client)->relays();
  if (!relays) return report(relays.error());
  if (!flags.json) {
    print_table(*relays);
    return exit_ok;
  }
  for (const client::Relay& relay : *relays) std::cout << to_json(relay) << '\n';
  return exit_ok;
}

}  // namespace

void add_relays(CLI::App& app, Session& session) {
  auto flags = std::make_shared<RelaysFlags>();
  CLI::App* command = app.add_subcommand("relays", "List the server's relays: how they are doing and how far they are");
  command->footer("Example: thalo relays --json");
  add_server_flags(*command, flags->server);
  command->add_flag("--json", flags->json, "Print one JSON object a line");
  command->callback([flags, &session] { session.exit_code = relays(*flags); });
}

}  // namespace thalo::cli
