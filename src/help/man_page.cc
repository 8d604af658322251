#include "help/man_page.h"

#include <cctype>
#include <cstdint>
#include <cstdio>

namespace thalo::help {
namespace {

// One character of UTF-8 at `text[at]`, which moves behind it.
std::uint32_t next_character(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const std::uint32_t first = byte(at);
  const std::size_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
  std::uint32_t character = more == 0 ? first : first & (0x3fU >> more);
  for (std::size_t i = 1; i <= more; ++i) character = (character << 6) | (byte(at + i) & 0x3fU);
  at += more + 1;
  return character;
}

// `text` as roff prints it: what roff would read as its own is escaped, and so is what is not ASCII.
std::string escaped(std::string_view text) {
  std::string out;
  bool line_starts = true;
  for (std::size_t at = 0; at < text.size();) {
    const std::uint32_t character = next_character(text, at);
    if (line_starts && (character == '.' || character == '\'')) out += "\\&";
    line_starts = character == '\n';
    switch (character) {
      case '\\':
        out += "\\(rs";
        break;
      case '-':
        out += "\\-";
        break;
      case '\'':
        out += "\\(aq";
        break;
      case '`':
        out += "\\(ga";
        break;
      case '^':
        out += "\\(ha";
        break;
      case '~':
        out += "\\(ti";
        break;
      case '"':
        out += "\\(dq";
        break;
      default:
        if (character < 0x80) {
          out += static_cast<char>(character);
        } else {
          char code[16];
          std::snprintf(code, sizeof code, "\\[u%04X]", static_cast<unsigned>(character));
          out += code;
        }
    }
  }
  return out;
}

std::string bold(std::string_view text) { return "\\fB" + escaped(text) + "\\fR"; }
std::string italic(std::string_view text) { return "\\fI" + escaped(text) + "\\fR"; }

// Text whose line breaks stay; before an indented line roff breaks by itself.
std::string lines(std::string_view text) {
  const std::string escaped_text = escaped(text);
  std::string out;
  for (std::size_t at = 0; at < escaped_text.size(); ++at) {
    out += escaped_text[at];
    const bool indented = at + 1 < escaped_text.size() && escaped_text[at + 1] == ' ';
    if (escaped_text[at] == '\n' && !indented) out += ".br\n";
  }
  return out + "\n";
}

std::string upper(std::string_view text) {
  std::string out;
  for (const char c : text) out += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

std::string notes(const std::vector<std::string>& choices, const std::string& default_value,
                  const std::string& environment) {
  std::string out;
  if (!choices.empty()) {
    out += "; one of";
    for (const auto& choice : choices) out += (&choice == choices.data() ? " " : ", ") + choice;
  }
  if (!default_value.empty()) out += " [default: " + default_value + "]";
  if (!environment.empty()) out += " (variable " + environment + ")";
  return out;
}

std::string flag_text(const Flag& flag) {
  std::string out = ".TP\n";
  for (const auto& name : flag.names) out += (&name == flag.names.data() ? "" : ", ") + bold(name);
  if (!flag.value.empty()) out += " " + italic(flag.value);
  return out + "\n" + lines(flag.description + notes(flag.choices, flag.default_value, flag.environment));
}

std::string argument_text(const Argument& argument) {
  return ".TP\n" + italic(argument.name) + "\n" +
         lines(argument.description + notes(argument.choices, argument.default_value, ""));
}

// "[FLAGS] source", as behind the command's name.
std::string usage(const Command& command) {
  std::string out;
  if (!command.flags.empty()) out += " [" + italic("FLAGS") + "]";
  for (const auto& argument : command.arguments)
    out += argument.required ? " " + italic(argument.name) : " [" + italic(argument.name) + "]";
  if (!command.commands.empty()) out += " " + italic("COMMAND");
  return out;
}

std::string items_of(const Command& command) {
  std::string out;
  for (const auto& argument : command.arguments) out += argument_text(argument);
  for (const auto& flag : command.flags) out += flag_text(flag);
  return out;
}

// Every command has --help; that is said once, for the program.
Command without_help(Command command) {
  std::erase_if(command.flags, [](const Flag& flag) { return flag.names.back() == "--help"; });
  return command;
}

std::string command_text(const Command& command, const std::string& program) {
  std::string out = ".SS " + bold(program + " " + command.name) + usage(command) + "\n" + lines(command.description);
  out += items_of(command);
  if (!command.footer.empty()) out += ".PP\n" + lines(command.footer);
  return out;
}

// What follows "NAME: " in a program's description, as apropos(1) lists it.
std::string purpose(const Command& program) {
  std::string text = program.description;
  if (text.starts_with(program.name + ": ")) text.erase(0, program.name.size() + 2);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

}  // namespace

std::string man_page(const Command& program, std::string_view version) {
  std::string out = ".TH " + escaped(upper(program.name)) + " 1 \"\" \"Thalo " + std::string(version) + "\"\n";
  out += ".SH NAME\n" + escaped(program.name) + " \\- " + escaped(purpose(program)) + "\n";
  out += ".SH SYNOPSIS\n" + bold(program.name) + usage(program) + "\n";
  out += ".SH OPTIONS\n" + items_of(program);
  if (!program.commands.empty()) {
    out += ".SH COMMANDS\n";
    for (const auto& command : program.commands) out += command_text(without_help(command), program.name);
  }
  if (!program.footer.empty()) out += ".SH NOTES\n" + lines(program.footer);
  return out;
}

}  // namespace thalo::help
