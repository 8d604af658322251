// thalo execute NAME ID COMMAND JSON, and thalo dry-run with the same words.
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

struct ExecuteFlags {
  ServerFlags server;
  client::Command command;
  std::optional<std::uint64_t> expected_version;
  bool json = false;
  bool dry_run = false;
};

void print_accepted(const client::Accepted& accepted, const ExecuteFlags& flags) {
  if (flags.json) {
    std::cout << R"({"outcome":"accepted","version":)" << accepted.version << R"(,"repeated":)"
              << (accepted.repeated ? "true" : "false") << R"(,"events":[)";
    for (std::size_t i = 0; i < accepted.events.size(); ++i) {
      std::cout << (i == 0 ? "" : ",") << to_json(accepted.events[i]);
    }
    std::cout << "]}\n";
    return;
  }
  const bool colour = colour_wanted();
  std::cout << (flags.dry_run ? "Would execute with " : "Executed with ") << accepted.events.size()
            << " events:" << (accepted.repeated ? " (this command_id was executed before)" : "") << '\n';
  for (const client::Event& event : accepted.events) {
    std::cout << "    " << coloured(event.type, "1;36", colour) << "  " << event.data << '\n';
  }
}

int execute(const ExecuteFlags& flags) {
  auto client = connect(flags.server);
  if (!client) return report(client.error());
  client::Command command = flags.command;
  command.expected_version = flags.expected_version;
  auto outcome = flags.dry_run ? (*client)->dry_run(command) : (*client)->execute(command);
  if (!outcome) return report(outcome.error());
  if (const auto* rejection = std::get_if<model::Rejection>(&*outcome)) {
    if (flags.json) {
      std::cout << R"({"outcome":"rejected","error":)" << rejection->error << "}\n";
    } else {
      std::cerr << coloured(flags.dry_run ? "Would be rejected:" : "Rejected:", "1;31", colour_wanted()) << ' '
                << rejection->error << '\n';
    }
    return exit_rejected;
  }
  print_accepted(std::get<client::Accepted>(*outcome), flags);
  return exit_ok;
}

CLI::App* declare(CLI::App& app, Session& session, const std::string& name, const std::string& description,
                  const std::shared_ptr<ExecuteFlags>& flags) {
  CLI::App* command = app.add_subcommand(name, description);
  command->footer("Example: thalo " + name +
                  " counter abc123 Increment '{\"amount\":10}'\n"
                  "Exit codes: 0 accepted, 1 failed, 2 wrong usage, 3 rejected by the aggregate.");
  add_server_flags(*command, flags->server);
  command->add_option("name", flags->command.category, "The aggregate, e.g. counter")->required();
  command->add_option("id", flags->command.id, "The entity's id, e.g. abc123")->required();
  command->add_option("command", flags->command.name, "The command, e.g. Increment")->required();
  command->add_option("payload", flags->command.payload, "The command's fields as JSON")->capture_default_str();
  command->add_option("--expected-version", flags->expected_version, "Fail unless the entity has this many events");
  command->add_option("--metadata", flags->command.metadata, "A JSON object, copied into the events' metadata");
  command->add_flag("--json", flags->json, "Print one JSON object");
  command->callback([flags, &session] { session.exit_code = execute(*flags); });
  return command;
}

}  // namespace

void add_execute(CLI::App& app, Session& session) {
  auto flags = std::make_shared<ExecuteFlags>();
  CLI::App* command = declare(app, session, "execute", "Execute a command and show the events it stored", flags);
  command->add_option("--command-id", flags->command.command_id, "Execute at most once under this id");
  command->add_option("--correlation-id", flags->command.correlation_id, "Copied into the events' metadata");
  command->add_option("--causation-id", flags->command.causation_id, "Copied into the events' metadata");
}

void add_dry_run(CLI::App& app, Session& session) {
  auto flags = std::make_shared<ExecuteFlags>();
  flags->dry_run = true;
  declare(app, session, "dry-run", "Show what a command would do now; nothing is stored", flags);
}

}  // namespace thalo::cli
