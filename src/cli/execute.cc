// thalo execute NAME ID COMMAND JSON, or many commands as JSON Lines; and thalo dry-run with the same words.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <optional>

#include "base/counted.h"
#include "cli/argument.h"
#include "cli/connection.h"
#include "cli/event_text.h"
#include "cli/execute_lines.h"
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
  ExecuteLinesFlags lines;
};

void print_accepted(const client::Accepted& accepted, const ExecuteFlags& flags) {
  const bool colour = colour_wanted();
  std::cout << (flags.dry_run ? "Would execute with " : "Executed with ")
            << base::counted(accepted.events.size(), "event") << (accepted.events.empty() ? "" : ":")
            << (accepted.repeated ? " (this command_id was executed before)" : "") << '\n';
  for (const client::Event& event : accepted.events) {
    std::cout << "    " << coloured(event.type, "1;36", colour) << "  " << event.data << '\n';
  }
}

int print(const client::Outcome& outcome, const ExecuteFlags& flags) {
  const auto* rejection = std::get_if<model::Rejection>(&outcome);
  if (flags.json) {
    std::cout << "{" << outcome_json(outcome) << "}\n";
  } else if (rejection != nullptr) {
    std::cerr << coloured(flags.dry_run ? "Would be rejected:" : "Rejected:", "1;31", colour_wanted(STDERR_FILENO))
              << ' ' << rejection->error << '\n';
  } else {
    print_accepted(std::get<client::Accepted>(outcome), flags);
  }
  return rejection != nullptr ? exit_rejected : exit_ok;
}

int execute(const ExecuteFlags& flags) {
  client::Command command = flags.command;
  auto payload = read_argument(command.payload);
  if (!payload) return report(payload.error());
  command.payload = *std::move(payload);
  command.expected_version = flags.expected_version;
  auto client = connect(flags.server);
  if (!client) return report(client.error());
  auto outcome = flags.dry_run ? (*client)->dry_run(command) : (*client)->execute(command);
  return outcome ? print(*outcome, flags) : report(with_category_meant(outcome.error(), command.category));
}

int execute_lines(const ExecuteFlags& flags) {
  auto client = connect(flags.server);
  return client ? execute_lines(**client, flags.lines) : report(client.error());
}

CLI::App* declare(CLI::App& app, const std::string& name, const std::string& description,
                  const std::shared_ptr<ExecuteFlags>& flags) {
  CLI::App* command = app.add_subcommand(name, description);
  add_server_flags(*command, flags->server);
  command->add_option("name", flags->command.category, "The aggregate, e.g. counter");
  command->add_option("id", flags->command.id, "The entity's id, e.g. abc123");
  command->add_option("command", flags->command.name, "The command, e.g. Increment");
  command
      ->add_option("payload", flags->command.payload,
                   "The command's fields as JSON; @FILE: in a file; -: on standard input")
      ->capture_default_str();
  command->add_option("--expected-version", flags->expected_version, "Fail unless the entity has this many events");
  command->add_option("--metadata", flags->command.metadata, "A JSON object, copied into the events' metadata");
  command->add_flag("--json", flags->json, "Print one JSON object");
  return command;
}

// As a variable of a shell that was never set: who gives an id counts on it.
const CLI::Validator not_empty([](std::string& text) { return text.empty() ? std::string("is empty") : std::string(); },
                               "");

constexpr const char* exit_codes = "Exit codes: 0 accepted, 1 failed, 2 wrong usage, 3 rejected by the aggregate.";

void demand_words(CLI::App& command) {
  for (const char* word : {"name", "id", "command"}) command.get_option(word)->required();
}

// What a line says itself cannot be said for all of them.
void declare_lines(CLI::App& command, ExecuteFlags& flags) {
  auto* lines = command.add_option("--lines", flags.lines.file,
                                   "Execute the commands of this file of JSON Lines; -: of standard input");
  for (const char* own : {"name", "id", "command", "payload", "--command-id", "--correlation-id", "--causation-id",
                          "--expected-version", "--metadata"})
    lines->excludes(command.get_option(own));
  command.add_option("--from-line", flags.lines.from_line, "With many: leave the lines before this one out")
      ->check(CLI::Range(std::uint64_t{1}, UINT64_MAX))
      ->capture_default_str();
  command
      .add_option("--command-ids", flags.lines.command_ids,
                  "With many: the command_id of a line that has none is this, a '-' and its number, so that the "
                  "same file executes once however often it is run")
      ->check(not_empty);
  command.add_option("--under-way", flags.lines.under_way_max, "With many: the most without an answer at a time")
      ->check(CLI::Range(std::size_t{1}, std::size_t{100000}))
      ->capture_default_str();
  command.add_flag("--quiet", flags.lines.quiet, "With many: print only what was not accepted");
}

int run_execute(CLI::App& command, ExecuteFlags& flags) {
  // `thalo execute -`: many, from standard input.
  if (flags.lines.file.empty() && flags.command.category == "-" && flags.command.id.empty()) flags.lines.file = "-";
  if (!flags.lines.file.empty()) return execute_lines(flags);
  for (const char* word : {"name", "id", "command"}) {
    if (command.get_option(word)->count() == 0) throw CLI::RequiredError(word);
  }
  return execute(flags);
}

}  // namespace

void add_execute(CLI::App& app, Session& session) {
  auto flags = std::make_shared<ExecuteFlags>();
  CLI::App* command = declare(app, "execute", "Execute a command, or many, and show the events stored", flags);
  command->footer(
      std::string("Examples: thalo execute counter abc123 Increment '{\"amount\":10}'\n"
                  "          thalo execute counter abc123 Increment @payload.json\n"
                  "          thalo execute - < commands.jsonl\n"
                  "Many commands come one a line, {\"category\":\"counter\",\"id\":\"abc\",\"command\":\"Increment\","
                  "\"payload\":{\"amount\":1}}, also with command_id, correlation_id, causation_id, metadata and "
                  "expected_version; each answer is a JSON object with its line's number.\n") +
      exit_codes + " With many: 1 when any failed, else 3 when any was rejected.");
  command->add_option("--command-id", flags->command.command_id, "Execute at most once under this id")
      ->check(not_empty);
  command->add_option("--correlation-id", flags->command.correlation_id, "Copied into the events' metadata");
  command->add_option("--causation-id", flags->command.causation_id, "Copied into the events' metadata");
  declare_lines(*command, *flags);
  command->callback([command, flags, &session] { session.exit_code = run_execute(*command, *flags); });
}

void add_dry_run(CLI::App& app, Session& session) {
  auto flags = std::make_shared<ExecuteFlags>();
  flags->dry_run = true;
  CLI::App* command = declare(app, "dry-run", "Show what a command would do now; nothing is stored", flags);
  command->footer(std::string("Example: thalo dry-run counter abc123 Increment '{\"amount\":10}'\n") + exit_codes);
  demand_words(*command);
  command->callback([flags, &session] { session.exit_code = execute(*flags); });
}

}  // namespace thalo::cli
