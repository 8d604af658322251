// thalo: builds aggregates and talks to a runtime.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/version.h"
#include "cli/subcommands.h"
#include "cli/terminal.h"
#include "env/open_files.h"

namespace {

// CLI11 reads "-1" into an unsigned number as a huge one, which would switch off what the flag asks for.
void refuse_negative_numbers(CLI::App& app) {
  const CLI::Validator not_negative(
      [](std::string& text) { return text.starts_with('-') ? "'" + text + "' is negative" : std::string(); }, "");
  for (CLI::App* command : app.get_subcommands({})) {
    for (CLI::Option* option : command->get_options()) {
      if (option->get_type_name().starts_with("UINT")) option->transform(not_negative);  // before all checks
    }
  }
}

// Of two words: how many letters must be changed, added or left out (Levenshtein).
std::size_t distance(std::string_view left, std::string_view right) {
  std::vector<std::size_t> row(right.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= left.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= right.size(); ++j) {
      const std::size_t changed = diagonal + (left[i - 1] == right[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, changed}));
    }
  }
  return row.back();
}

// What CLI11 would only report as a subcommand that is missing. Empty: the first word is one, or is a flag.
std::string complaint_about(std::string_view word, const CLI::App& app) {
  const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
  const auto is_it = [&](const CLI::App* command) { return command->get_name() == word; };
  if (word.empty() || word.starts_with('-') || std::ranges::any_of(commands, is_it)) return {};
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const CLI::App* command : commands) {
    const std::string name = command->get_name();
    const bool begins = word.size() >= 3 && name.starts_with(word);
    const std::size_t apart = begins ? 0 : distance(word.substr(0, 64), name);
    if (command->get_group().empty() || apart >= best_distance) continue;
    best = name;
    best_distance = apart;
  }
  return "there is no command '" + std::string(word.substr(0, 64)) + "'" +
         (best.empty() ? std::string() : "; did you mean `thalo " + best + "`?") +
         "\n`thalo --help` lists the commands.\n";
}

}  // namespace

int main(int argc, char** argv) {
  using namespace thalo::cli;
  // What goes wrong is said once, in our words: grpc++ would log it a second time.
  ::setenv("GRPC_VERBOSITY", "NONE", 0);
  thalo::env::raise_open_files_limit();
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
  if (const std::string complaint = argc > 1 ? complaint_about(argv[1], app) : ""; !complaint.empty()) {
    std::cerr << complaint;
    return exit_usage;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_ok : exit_usage;
  }
  // What was printed is part of what was asked for.
  if (!std::cout.flush() && session.exit_code == exit_ok)
    return report({thalo::base::Code::unavailable, "cannot write standard output; the disk may be full", true});
  return session.exit_code;
}
