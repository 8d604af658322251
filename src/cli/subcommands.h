// One function per subcommand: declares its flags on the app and, when it is chosen, runs and sets the exit code.
#pragma once

#include <CLI/App.hpp>
#include <string>

namespace thalo::cli {

// Set by the subcommand that ran.
struct Session {
  int exit_code = 0;
};

void add_new(CLI::App& app, Session& session);
void add_sdk_path(CLI::App& app, Session& session);
void add_build(CLI::App& app, Session& session);
void add_execute(CLI::App& app, Session& session);
void add_events(CLI::App& app, Session& session);
void add_dry_run(CLI::App& app, Session& session);
void add_streams(CLI::App& app, Session& session);
void add_tail(CLI::App& app, Session& session);
void add_state(CLI::App& app, Session& session);
void add_modules(CLI::App& app, Session& session);
void add_publish(CLI::App& app, Session& session);
void add_rollback(CLI::App& app, Session& session);
void add_projections(CLI::App& app, Session& session);
void add_append(CLI::App& app, Session& session);
void add_export(CLI::App& app, Session& session);
void add_import(CLI::App& app, Session& session);
void add_verify(CLI::App& app, Session& session);
void add_backup(CLI::App& app, Session& session);
void add_backups(CLI::App& app, Session& session);
void add_relays(CLI::App& app, Session& session);
void add_restore(CLI::App& app, Session& session);
void add_bench(CLI::App& app, Session& session);
void add_completion(CLI::App& app, Session& session);
void add_man(CLI::App& app, Session& session);

}  // namespace thalo::cli
