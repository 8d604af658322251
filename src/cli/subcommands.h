// One function per subcommand: declares its flags on the app and, when it is chosen, runs and sets the exit code.
#pragma once

#include <CLI/App.hpp>
#include <string>

namespace thalo::cli {

// Set by the subcommand that ran.
struct Session {
  int exit_code = 0;
};

void add_build(CLI::App& app, Session& session);
void add_execute(CLI::App& app, Session& session);
void add_events(CLI::App& app, Session& session);
void add_publish(CLI::App& app, Session& session);

// `-u/--url`, `THALO_URL` and their default, for the subcommands that talk to a server.
void add_url(CLI::App& command, std::string& url);

}  // namespace thalo::cli
