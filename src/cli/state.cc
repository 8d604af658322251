// thalo state NAME ID: an entity's state, and what the runtime knows of it.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <optional>

#include "base/counted.h"
#include "base/json.h"
#include "cli/argument.h"
#include "cli/connection.h"
#include "cli/subcommands.h"
#include "cli/terminal.h"

namespace thalo::cli {
namespace {

struct StateFlags {
  ServerFlags server;
  std::string category;
  std::string id;
  std::optional<std::uint64_t> version;
  std::optional<std::int64_t> time_ms;
  bool describe = false;
  bool json = false;
};

int describe(client::Client& client, const StateFlags& flags) {
  auto entity = client.describe(flags.category, flags.id);
  if (!entity) return report(with_category_meant(entity.error(), flags.category));
  if (flags.json) {
    std::cout << "{\"stream\":" << base::json_quote(entity->stream) << ",\"version\":" << entity->version
              << ",\"cached\":" << (entity->cached ? "true" : "false") << ",\"instance\":" << entity->instance
              << ",\"instance_entities\":" << entity->instance_entities
              << ",\"instance_memory_bytes\":" << entity->instance_memory_bytes
              << ",\"module\":" << base::json_quote(entity->module)
              << ",\"module_digest\":" << base::json_quote(entity->module_digest) << ",\"snapshot_version\":"
              << (entity->snapshot_version ? std::to_string(*entity->snapshot_version) : "null") << "}\n";
    return exit_ok;
  }
  std::cout << "stream    " << entity->stream << "\nversion   " << entity->version << "\nmodule    " << entity->module
            << " (" << entity->module_digest.substr(0, 12) << ")\nsnapshot  "
            << (entity->snapshot_version ? "of version " + std::to_string(*entity->snapshot_version)
                                         : std::string("none"))
            << "\nin memory ";
  if (entity->cached) {
    std::cout << "yes, in instance " << entity->instance << " ("
              << base::counted(entity->instance_entities, "entity", "entities") << ", "
              << base::counted(entity->instance_memory_bytes, "byte") << ")\n";
  } else {
    std::cout << "no\n";
  }
  return exit_ok;
}

// `thalo state counter-abc` is `thalo state counter abc`, as `thalo events` takes it.
void split_stream(StateFlags& flags) {
  const auto dash = flags.category.find('-');
  if (dash == std::string::npos || dash + 1 == flags.category.size()) throw CLI::RequiredError("id");
  flags.id = flags.category.substr(dash + 1);
  flags.category.resize(dash);
}

int state(const StateFlags& flags) {
  auto client = connect(flags.server);
  if (!client) return report(client.error());
  if (flags.describe) return describe(**client, flags);
  auto state = (*client)->state(flags.category, flags.id, flags.version, flags.time_ms);
  if (!state) return report(with_category_meant(state.error(), flags.category));
  if (flags.json) {
    std::cout << "{\"version\":" << state->version
              << ",\"state\":" << (base::check_json(state->state) ? state->state : base::json_quote(state->state))
              << "}\n";
  } else {
    std::cout << state->state << '\n';
  }
  return exit_ok;
}

}  // namespace

void add_state(CLI::App& app, Session& session) {
  auto flags = std::make_shared<StateFlags>();
  CLI::App* command = app.add_subcommand("state", "Show an entity's state, now or at an earlier point");
  command->footer(
      "Example: thalo state bankAccount ann --version 7\nThe module must offer snapshots; the SDK's README says how.");
  add_server_flags(*command, flags->server);
  command->add_option("name", flags->category, "The aggregate, e.g. bankAccount; or the stream, bankAccount-ann")
      ->required();
  command->add_option("id", flags->id, "The entity's id, unless the stream is given");
  auto* version = command->add_option("--version", flags->version, "The state after so many events");
  command
      ->add_option("--time-ms", flags->time_ms,
                   "The state after all events up to this time, in milliseconds since the Unix epoch")
      ->excludes(version);
  command->add_flag("--describe", flags->describe,
                    "What the runtime knows of the entity instead: version, memory, module, snapshot");
  command->add_flag("--json", flags->json, "Print one JSON object");
  command->callback([command, flags, &session] {
    if (command->get_option("id")->count() == 0) split_stream(*flags);
    session.exit_code = state(*flags);
  });
}

}  // namespace thalo::cli
