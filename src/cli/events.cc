// thalo events STREAM
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <optional>

#include "cli/connection.h"
#include "cli/event_text.h"
#include "cli/subcommands.h"
#include "cli/terminal.h"

namespace thalo::cli {
namespace {

struct EventsFlags {
  ServerFlags server;
  std::string stream;
  client::ReadOptions options;
  bool json = false;
};

// The stream is empty, or has none where they were looked for.
int say_there_are_none(client::Client& client, const EventsFlags& flags) {
  std::optional<model::Position> newest;
  auto read =
      client.read_stream(flags.stream, {.from = {}, .backwards = true, .limit = 1}, [&](const client::Event& event) {
        newest = event.position;
        return false;
      });
  if (!read) return report(read.error());
  if (newest) {
    std::cerr << "no events of stream " << flags.stream << " from position " << flags.options.from.value_or(0)
              << " on: its newest is " << *newest << '\n';
  } else {
    std::cerr << "no events in stream " << flags.stream << '\n';
  }
  return exit_ok;
}

int events(const EventsFlags& flags) {
  auto client = connect(flags.server);
  if (!client) return report(client.error());
  const bool colour = colour_wanted();
  auto shown = (*client)->read_stream(flags.stream, flags.options, [&](const client::Event& event) {
    if (flags.json) {
      std::cout << to_json(event) << '\n';
    } else {
      std::cout << coloured(std::to_string(event.position), "2", colour) << "  " << time_text(event.time_ms) << "  "
                << coloured(event.type, "1;36", colour) << "  " << event.data << '\n';
    }
    return std::cout.good();
  });
  if (!shown) return report(shown.error());
  if (*shown == 0 && !flags.json) return say_there_are_none(**client, flags);
  return exit_ok;
}

}  // namespace

void add_events(CLI::App& app, Session& session) {
  auto flags = std::make_shared<EventsFlags>();
  CLI::App* command = app.add_subcommand("events", "Show the events of a stream");
  command->footer("Example: thalo events counter-abc123");
  add_server_flags(*command, flags->server);
  add_store_flag(*command, flags->server);
  command->add_option("stream", flags->stream, "The stream, category-id, e.g. counter-abc123")->required();
  command->add_option("--from", flags->options.from, "Position of the first event to show");
  command->add_option("--limit", flags->options.limit, "The most events to show; 0: all")->capture_default_str();
  command->add_flag("--backwards", flags->options.backwards, "The newest first");
  command->add_flag("--json", flags->json, "Print one JSON object a line");
  command->callback([flags, &session] { session.exit_code = events(*flags); });
}

}  // namespace thalo::cli
