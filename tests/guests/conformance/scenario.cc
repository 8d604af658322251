#include "guests/conformance/scenario.h"

#include <fstream>
#include <stdexcept>

namespace thalo::conformance {
namespace {

constexpr std::size_t expanded_size_bytes_max = std::size_t{4} << 20;

// The first word, taken away from `text` with the blanks behind it.
std::string take_word(std::string& text) {
  const auto end = text.find(' ');
  std::string word = text.substr(0, end);
  const auto next = end == std::string::npos ? end : text.find_first_not_of(' ', end);
  text = next == std::string::npos ? "" : text.substr(next);
  return word;
}

// `${x*1000000}` becomes a million x.
std::string expanded(std::string text) {
  for (auto at = text.find("${"); at != std::string::npos; at = text.find("${", at)) {
    const auto star = text.find('*', at);
    const auto end = text.find('}', at);
    if (star == std::string::npos || end == std::string::npos || star > end) {
      at += 2;  // ${n}
      continue;
    }
    const std::string unit = text.substr(at + 2, star - at - 2);
    const auto times = std::stoul(text.substr(star + 1, end - star - 1));
    if (times * unit.size() > expanded_size_bytes_max) throw std::runtime_error("too large a text");
    std::string whole;
    whole.reserve(times * unit.size());
    for (std::size_t i = 0; i < times; ++i) whole += unit;
    text.replace(at, end + 1 - at, whole);
    at += whole.size();
  }
  return text;
}

class Reader {
 public:
  void line(std::size_t number, std::string text) {
    const auto begin = text.find_first_not_of(' ');
    if (begin == std::string::npos || text[begin] == '#') return;
    text = text.substr(begin);
    const auto word = take_word(text);
    if (word == "scenario") {
      scenarios_.push_back({text, {}});
      return;
    }
    if (scenarios_.empty()) throw std::runtime_error("a step before the first scenario");
    auto& steps = scenarios_.back().steps;
    if (word == "given") {
      steps.push_back({number, given(text)});
    } else if (word == "when") {
      auto command = take_word(text);
      steps.push_back({number, When{std::move(command), expanded(text), Events{}}});
      answered_ = false;
    } else if (word == "then") {
      then(number, text, steps);
    } else {
      throw std::runtime_error("a line begins with scenario, given, when or then, not with " + word);
    }
  }

  std::vector<Scenario> take() { return std::move(scenarios_); }

 private:
  static Given given(std::string text) {
    Given given;
    given.type = take_word(text);
    if (text.starts_with("times ")) {
      given.times = std::stoul(given.type);
      take_word(text);
      given.type = take_word(text);
    }
    given.data = expanded(text);
    return given;
  }

  void then(std::size_t number, std::string text, std::vector<Step>& steps) {
    auto word = take_word(text);
    if (word == "unreadable") {
      steps.push_back({number, Unreadable{}});
      return;
    }
    When* when = steps.empty() ? nullptr : std::get_if<When>(&steps.back().what);
    if (when == nullptr) throw std::runtime_error("a then without its when");
    auto* events = std::get_if<Events>(&when->answer);
    const bool is_event = word != "nothing" && word != "rejected" && word != "invalid";
    if (answered_ && (!is_event || events == nullptr || events->events.empty()))
      throw std::runtime_error("this answer was given before, and only events may be several");
    answered_ = true;
    if (is_event) {
      events->events.push_back({std::move(word), expanded(text)});
    } else if (word == "rejected") {
      when->answer = Rejected{expanded(text)};
    } else if (word == "invalid") {
      when->answer = Invalid{text};
    }
  }

  std::vector<Scenario> scenarios_;
  bool answered_ = false;
};

}  // namespace

std::vector<Scenario> read_scenarios(const std::filesystem::path& file) {
  std::ifstream stream(file);
  if (!stream) throw std::runtime_error("cannot read " + file.string());
  Reader reader;
  std::size_t number = 0;
  for (std::string text; std::getline(stream, text);) {
    ++number;
    try {
      reader.line(number, text);
    } catch (const std::exception& error) {
      throw std::runtime_error(file.string() + ":" + std::to_string(number) + ": " + error.what());
    }
  }
  return reader.take();
}

std::string numbered(std::string text, std::size_t number) {
  for (auto at = text.find("${n}"); at != std::string::npos; at = text.find("${n}", at))
    text.replace(at, 4, std::to_string(number));
  return text;
}

}  // namespace thalo::conformance
