// thalo: builds aggregates and talks to a runtime.
#include <CLI/CLI.hpp>
#include <cstdlib>

#include "base/version.h"
#include "cli/subcommands.h"
#include "cli/terminal.h"

namespace thalo::cli {

void add_url(CLI::App& command, std::string& url) {
  url = "http://localhost:4433";
  command.add_option("-u,--url", url, "The server")->envname("THALO_URL")->capture_default_str();
}

}  // namespace thalo::cli

int main(int argc, char** argv) {
  using namespace thalo::cli;
  // What goes wrong is said once, in our words: grpc++ would log it a second time.
  ::setenv("GRPC_VERBOSITY", "NONE", 0);
  CLI::App app{"thalo: build aggregates, execute commands, look at events.", "thalo"};
  app.set_version_flag("--version", "thalo " + std::string(thalo::base::version));
  app.require_subcommand(1);
  Session session;
  add_build(app, session);
  add_execute(app, session);
  add_events(app, session);
  add_publish(app, session);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_ok : exit_usage;
  }
  return session.exit_code;
}
