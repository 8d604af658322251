// thalo: builds aggregates and talks to a runtime.
#include <CLI/CLI.hpp>
#include <cstdlib>

#include "base/version.h"
#include "cli/subcommands.h"
#include "cli/terminal.h"

namespace {

// CLI11 reads "-1" into an unsigned number as a huge one, which would switch off what the flag asks for.
void refuse_negative_numbers(CLI::App& app) {
  const CLI::Validator not_negative(
      [](std::string& text) { return text.starts_with('-') ? "'" + text + "' is negative" : std::string(); }, "");
  for (CLI::App* command : app.get_subcommands({})) {
    for (CLI::Option* option : command->get_options()) {
      if (option->get_type_name().starts_with("UINT")) option->check(not_negative);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  using namespace thalo::cli;
  // What goes wrong is said once, in our words: grpc++ would log it a second time.
  ::setenv("GRPC_VERBOSITY", "NONE", 0);
  CLI::App app{"thalo: build aggregates, execute commands, look at events.", "thalo"};
  app.set_version_flag("--version", "thalo " + std::string(thalo::base::version));
  app.require_subcommand(1);
  Session session;
  for (const auto add :
       {add_new,    add_build,   add_sdk_path, add_execute,  add_dry_run,     add_events, add_streams,    add_tail,
        add_state,  add_modules, add_publish,  add_rollback, add_projections, add_append, add_export,     add_import,
        add_verify, add_backup,  add_backups,  add_restore,  add_relays,      add_bench,  add_completion, add_man}) {
    add(app, session);
  }
  refuse_negative_numbers(app);
  // Behind the subcommands, which would inherit it.
  app.footer("Exit codes: 0 done, 1 failed, 2 the command line is wrong, 3 rejected by the aggregate.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_ok : exit_usage;
  }
  return session.exit_code;
}
