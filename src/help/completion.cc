#include "help/completion.h"

#include <string_view>

namespace thalo::help {
namespace {

std::string joined(const std::vector<std::string>& words, std::string_view between = " ") {
  std::string out;
  for (const auto& word : words) {
    if (&word != words.data()) out += between;
    out += word;
  }
  return out;
}

// `text` with a backslash before each of `characters`.
std::string guarded(std::string_view text, std::string_view characters) {
  std::string out;
  for (const char c : text) {
    if (characters.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

// What stands between single quotes in bash and zsh.
std::string in_quotes(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '\'' ? "'\\''" : std::string(1, c == '\n' ? ' ' : c);
  return out;
}

std::string fish_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : guarded(text, "\\'")) out += c == '\n' ? ' ' : c;
  return out + "'";
}

std::string note(const Command& program, std::string_view shell) {
  return "# " + std::string(shell) + " completion for " + program.name + ", as `" + program.name + " completion " +
         std::string(shell) + "` prints it.\n";
}

std::vector<std::string> flag_names(const Command& command) {
  std::vector<std::string> names;
  for (const auto& flag : command.flags) names.insert(names.end(), flag.names.begin(), flag.names.end());
  return names;
}

// One arm of bash's case over the commands: sets $words, or returns where a flag's value is being typed.
std::string bash_arm(const Command& command, const std::string& pattern, const std::vector<std::string>& commands) {
  std::string values;
  std::vector<std::string> others;
  for (const auto& flag : command.flags) {
    if (flag.value.empty()) continue;
    if (flag.choices.empty()) {
      others.insert(others.end(), flag.names.begin(), flag.names.end());
    } else {
      values += "        " + joined(flag.names, "|") + ") COMPREPLY=($(compgen -W '" + in_quotes(joined(flag.choices)) +
                "' -- \"$word\")); return ;;\n";
    }
  }
  if (!others.empty()) values += "        " + joined(others, "|") + ") return ;;\n";
  std::vector<std::string> words = commands;
  for (const auto& argument : command.arguments)
    words.insert(words.end(), argument.choices.begin(), argument.choices.end());
  std::string out = "    " + pattern + ")\n";
  if (!values.empty()) out += "      case \"$previous\" in\n" + values + "      esac\n";
  return out + "      words='" + in_quotes(joined(words)) + "' flags='" + in_quotes(joined(flag_names(command))) +
         "' ;;\n";
}

std::vector<std::string> command_names(const Command& program) {
  std::vector<std::string> names;
  names.reserve(program.commands.size());
  for (const auto& command : program.commands) names.push_back(command.name);
  return names;
}

std::string zsh_text(std::string_view text) { return in_quotes(guarded(text, "[]:\\")); }

// What zsh's _arguments takes for the value of a flag or an argument.
std::string zsh_value(const std::string& name, const std::vector<std::string>& choices) {
  return ":" + zsh_text(name) + ":" + (choices.empty() ? "_files" : "(" + in_quotes(joined(choices)) + ")");
}

std::string zsh_arguments(const Command& command, const std::string& indent) {
  std::string out = indent + "_arguments -s -S";
  for (const auto& flag : command.flags) {
    const std::string value = flag.value.empty() ? "" : zsh_value(flag.value, flag.choices);
    const std::string before = flag.repeatable ? "*" : "(" + joined(flag.names) + ")";
    const std::string after = "[" + zsh_text(flag.description) + "]" + value + "'";
    for (const auto& name : flag.names) {
      out += " \\\n";
      out += indent;
      out += "  '";
      out += before;
      out += name;
      if (!flag.value.empty() && name.starts_with("--")) out += '=';
      out += after;
    }
  }
  for (const auto& argument : command.arguments) {
    out += " \\\n" + indent + "  '" + (argument.required ? ":" : "::") +
           zsh_value(argument.name, argument.choices).substr(1) + "'";
  }
  return out + "\n";
}

std::string fish_flag(const Flag& flag, const std::string& start) {
  std::string out = start;
  for (const auto& name : flag.names) out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  if (!flag.value.empty()) out += flag.choices.empty() ? " -r -F" : " -x -a " + fish_quoted(joined(flag.choices));
  return out + " -d " + fish_quoted(flag.description) + "\n";
}

}  // namespace

std::string bash_completion(const Command& program) {
  std::string out = note(program, "bash") + "_" + program.name + "() {\n" +
                    R"(  local word="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD - 1]}" words flags
  # --flag=value comes as three words.
  if [[ $word == "=" ]]; then
    word=""
  elif [[ $previous == "=" ]]; then
    previous="${COMP_WORDS[COMP_CWORD - 2]}"
  fi
  COMPREPLY=()
  local command=""
  ((COMP_CWORD > 1)) && command="${COMP_WORDS[1]}"
  case "$command" in
)";
  for (const auto& command : program.commands) out += bash_arm(command, command.name, {});
  out += bash_arm(program, "''|-*", command_names(program));
  out += R"(  esac
  if [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$word"))
  elif [[ -n $words ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$word"))
  fi
}
)";
  // Where nothing is offered, bash completes files.
  return out + "complete -o default -F _" + program.name + " " + program.name + "\n";
}

std::string zsh_completion(const Command& program) {
  const std::string function = "_" + program.name;
  std::string out =
      "#compdef " + program.name + "\n" + note(program, "zsh") + function + "() {\n  local -a commands\n  commands=(\n";
  for (const auto& command : program.commands)
    out += "    '" + in_quotes(command.name) + ":" + in_quotes(guarded(command.description, ":\\")) + "'\n";
  out += "  )\n  if ((CURRENT == 2)) && [[ $words[2] != -* ]]; then\n    _describe -t commands command commands\n";
  out +=
      "    return\n  fi\n  local command=$words[2]\n  if ((CURRENT > 2)); then\n    shift words\n    ((CURRENT--))\n  "
      "fi\n";
  out += "  case $command in\n";
  for (const auto& command : program.commands)
    out += "    " + command.name + ")\n" + zsh_arguments(command, "      ") + "      ;;\n";
  out += "    *)\n" + zsh_arguments({program.name, "", "", {}, program.flags, {}}, "      ") + "      ;;\n  esac\n}\n";
  // As a file of $fpath the script is the function's body; otherwise it is read by `source`.
  return out + "if [[ $funcstack[1] == " + function + " ]]; then\n  " + function + " \"$@\"\nelse\n  compdef " +
         function + " " + program.name + "\nfi\n";
}

std::string fish_completion(const Command& program) {
  const std::string complete = "complete -c " + program.name;
  std::string out = note(program, "fish");
  const std::string first = complete + " -n __fish_use_subcommand";
  for (const auto& command : program.commands)
    out += first + " -f -a " + command.name + " -d " + fish_quoted(command.description) + "\n";
  for (const auto& flag : program.flags) out += fish_flag(flag, first);
  for (const auto& command : program.commands) {
    const std::string start = complete + " -n '__fish_seen_subcommand_from " + command.name + "'";
    for (const auto& flag : command.flags) out += fish_flag(flag, start);
    for (const auto& argument : command.arguments) {
      if (!argument.choices.empty()) out += start + " -f -a " + fish_quoted(joined(argument.choices)) + "\n";
    }
  }
  return out;
}

}  // namespace thalo::help
