// What a command-line program takes, read from its CLI11 declaration: what completes it and what its manual says is
// what
// --help says, and cannot go stale. Any thread.
#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

namespace thalo::help {

struct Flag {
  std::vector<std::string> names;  // as they are typed: "-o", "--output"
  std::string description;
  std::string value;                 // what stands for its value, e.g. "TEXT"; empty: it takes none
  std::vector<std::string> choices;  // the values there are, where they are a fixed set
  std::string default_value;
  std::string environment;  // the variable it can be given in
  bool repeatable = false;
};

struct Argument {
  std::string name;
  std::string description;
  std::vector<std::string> choices;
  std::string default_value;
  bool required = false;
};

struct Command {
  std::string name;
  std::string description;
  std::string footer;
  std::vector<Argument> arguments;
  std::vector<Flag> flags;
  std::vector<Command> commands;
};

// Everything that --help shows, in its order; hidden flags and commands are left out.
Command describe(const CLI::App& app);

}  // namespace thalo::help
