#include "help/program.h"

#include <CLI/CLI.hpp>
#include <string_view>

namespace thalo::help {
namespace {

// CLI11 writes a set of values behind the type: "TEXT:{bash,zsh,fish}".
constexpr std::string_view choices_begin = ":{";

std::vector<std::string> choices_in(const std::string& type) {
  std::vector<std::string> choices;
  const auto begin = type.find(choices_begin);
  const auto end = type.find('}', begin == std::string::npos ? 0 : begin);
  if (begin == std::string::npos || end == std::string::npos) return choices;
  const auto from = begin + choices_begin.size();
  return CLI::detail::split(type.substr(from, end - from), ',');
}

std::string without_choices(const std::string& type) { return type.substr(0, type.find(choices_begin)); }

Flag describe_flag(const CLI::Option& option) {
  Flag flag;
  for (const auto& name : option.get_snames()) flag.names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) flag.names.push_back("--" + name);
  flag.description = option.get_description();
  flag.environment = option.get_envname();
  if (option.get_items_expected_max() > 0) {
    const auto type = option.get_type_name();
    flag.value = type.empty() ? "VALUE" : without_choices(type);
    flag.choices = choices_in(type);
    // CLI11's text of an empty list says nothing.
    if (const auto text = option.get_default_str(); text != "[]") flag.default_value = text;
    flag.repeatable = option.get_items_expected_max() > 1;
  }
  return flag;
}

Argument describe_argument(const CLI::Option& option) {
  return {option.get_name(true), option.get_description(), choices_in(option.get_type_name()), option.get_default_str(),
          option.get_required()};
}

bool shown(const CLI::Option* option) { return !option->get_group().empty(); }
bool shown(const CLI::App* app) { return !app->get_group().empty() && !app->get_name().empty(); }

}  // namespace

Command describe(const CLI::App& app) {
  Command command{app.get_name(), app.get_description(), app.get_footer(), {}, {}, {}};
  for (const CLI::Option* option : app.get_options()) {
    if (!shown(option)) continue;
    if (option->get_positional()) {
      command.arguments.push_back(describe_argument(*option));
    } else {
      command.flags.push_back(describe_flag(*option));
    }
  }
  for (const CLI::App* sub : app.get_subcommands({})) {
    if (shown(sub)) command.commands.push_back(describe(*sub));
  }
  return command;
}

}  // namespace thalo::help
