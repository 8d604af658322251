// A scenario file: what an aggregate answers, as readable text (README.md). Read once, then only looked at.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

namespace thalo::conformance {

// Events that have happened.
struct Given {
  std::size_t times = 1;
  std::string type;
  std::string data;  // `${n}` in it is the number of the repetition, from 0
};

struct Event {
  std::string type;
  std::string data;
};
struct Events {
  std::vector<Event> events;  // none: the command led to nothing
};
struct Rejected {
  std::string error;
};
struct Invalid {
  std::string part;  // in what is said about it
};

struct When {
  std::string command;
  std::string payload;
  std::variant<Events, Rejected, Invalid> answer;
};

// What was given last cannot be applied.
struct Unreadable {};

struct Step {
  std::size_t line = 0;
  std::variant<Given, When, Unreadable> what;
};

struct Scenario {
  std::string name;
  std::vector<Step> steps;
};

// Throws std::runtime_error that names the line: a mistake in the file.
std::vector<Scenario> read_scenarios(const std::filesystem::path& file);

// The text with every `${n}` replaced.
std::string numbered(std::string text, std::size_t number);

}  // namespace thalo::conformance
