// thalo append STREAM TYPE JSON
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "cli/argument.h"
#include "cli/connection.h"
#include "cli/subcommands.h"
#include "cli/terminal.h"

namespace thalo::cli {
namespace {

struct AppendFlags {
  ServerFlags server;
  std::string stream;
  model::NewEvent event{"", "{}", ""};
  client::AppendOptions options;
  bool json = false;
};

int append(const AppendFlags& flags) {
  model::NewEvent event = flags.event;
  auto data = read_argument(event.data);
  if (!data) return report(data.error());
  event.data = *std::move(data);
  auto client = connect(flags.server);
  if (!client) return report(client.error());
  auto appended = (*client)->append(flags.stream, {event}, flags.options);
  if (!appended) return report(appended.error());
  if (flags.json) {
    std::cout << "{\"position\":" << appended->first_position
              << ",\"global_position\":" << appended->first_global_position << ",\"version\":" << appended->version
              << "}\n";
  } else {
    std::cout << "Appended " << flags.event.type << " to " << flags.stream << " at position "
              << appended->first_position << " (global position " << appended->first_global_position << ")\n";
  }
  return exit_ok;
}

}  // namespace

void add_append(CLI::App& app, Session& session) {
  auto flags = std::make_shared<AppendFlags>();
  CLI::App* command = app.add_subcommand("append", "Write an event directly, past any aggregate");
  command->footer(
      "Example: thalo append audit-1 Noted '{\"by\":\"ann\"}' --expected-version 0\nNobody checks that an aggregate "
      "can apply it.");
  add_server_flags(*command, flags->server);
  command->add_option("stream", flags->stream, "The stream, category-id")->required();
  command->add_option("type", flags->event.type, "The event's type")->required();
  command
      ->add_option("data", flags->event.data,
                   "The event's data as JSON, any value; @FILE: in a file; -: on standard input")
      ->capture_default_str();
  command->add_option("--metadata", flags->event.metadata, "A JSON object");
  command->add_option("--expected-version", flags->options.expected_version,
                      "Fail unless the stream has this many events");
  command->add_flag("--json", flags->json, "Print one JSON object");
  command->callback([flags, &session] { session.exit_code = append(*flags); });
}

}  // namespace thalo::cli
