// thalo completion SHELL and the hidden thalo man: both made of the app's own declaration.
#include <CLI/CLI.hpp>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <vector>

#include "base/version.h"
#include "cli/subcommands.h"
#include "cli/terminal.h"
#include "help/completion.h"
#include "help/man_page.h"

namespace thalo::cli {
namespace {

const std::map<std::string, std::function<std::string(const help::Command&)>>& scripts() {
  static const std::map<std::string, std::function<std::string(const help::Command&)>> all{
      {"bash", help::bash_completion}, {"fish", help::fish_completion}, {"zsh", help::zsh_completion}};
  return all;
}

}  // namespace

void add_completion(CLI::App& app, Session& session) {
  auto shell = std::make_shared<std::string>();
  std::vector<std::string> shells;
  for (const auto& [name, script] : scripts()) shells.push_back(name);
  CLI::App* command = app.add_subcommand("completion", "Print a script that makes a shell complete this program");
  command->footer(
      "Example: source <(thalo completion bash)\n"
      "bash: source <(thalo completion bash)          (or into ~/.local/share/bash-completion/completions/thalo)\n"
      "zsh:  source <(thalo completion zsh)           (or as _thalo into a folder of $fpath)\n"
      "fish: thalo completion fish | source           (or into ~/.config/fish/completions/thalo.fish)");
  command->add_option("shell", *shell, "The shell")->required()->check(CLI::IsMember(shells));
  command->callback([shell, &app, &session] {
    std::cout << scripts().at(*shell)(help::describe(app));
    session.exit_code = exit_ok;
  });
}

void add_man(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand("man", "Print the manual page, for man(1)")->group("");
  command->callback([&app, &session] {
    std::cout << help::man_page(help::describe(app), base::version);
    session.exit_code = exit_ok;
  });
}

}  // namespace thalo::cli
