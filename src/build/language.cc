#include "build/language.h"

#include <algorithm>
#include <array>
#include <system_error>
#include <utility>

namespace thalo::build {
namespace {

namespace fs = std::filesystem;
using base::Code;

constexpr std::array<std::pair<std::string_view, std::string_view>, 8> other_names{{{"c++", "cpp"},
                                                                                    {"cxx", "cpp"},
                                                                                    {"rs", "rust"},
                                                                                    {"js", "javascript"},
                                                                                    {"ts", "typescript"},
                                                                                    {"py", "python"},
                                                                                    {"golang", "go"},
                                                                                    {"cargo", "rust"}}};

std::string known_names() {
  std::string text;
  for (const auto* language : languages()) text += (text.empty() ? "" : ", ") + std::string(language->name());
  return text;
}

std::string known_signs() {
  std::string text;
  for (const auto* language : languages())
    text += "\n  " + std::string(language->title()) + ": " + std::string(language->recognised_by());
  return text;
}

base::Result<const Language*> named(const fs::path& source, std::string_view name) {
  const Language* language = find_language(name);
  if (language == nullptr) {
    return base::fail(Code::invalid_argument,
                      "'" + std::string(name) + "' is no language thalo builds; there are: " + known_names());
  }
  if (language->match(source) == Match::none) {
    return base::fail(Code::invalid_argument, source.string() + " is no aggregate in " +
                                                  std::string(language->title()) + ", which has " +
                                                  std::string(language->recognised_by()));
  }
  return language;
}

}  // namespace

std::string Language::module_name(const fs::path& source) const {
  std::error_code error;
  const auto absolute = fs::canonical(source, error);
  return fs::is_regular_file(absolute, error) ? absolute.stem().string() : absolute.filename().string();
}

std::optional<fs::path> Language::member(const fs::path&, const std::string&) const { return std::nullopt; }

bool Language::is_output_folder(const fs::path&) const { return false; }

std::span<const Language* const> languages() {
  static const std::array all{&cpp_language(),        &rust_language(), &c_language(),     &javascript_language(),
                              &typescript_language(), &go_language(),   &python_language()};
  return all;
}

const Language* find_language(std::string_view name) {
  for (const auto& [other, own] : other_names) {
    if (name == other) name = own;
  }
  const auto found = std::ranges::find(languages(), name, [](const Language* language) { return language->name(); });
  return found == languages().end() ? nullptr : *found;
}

base::Result<const Language*> language_of(const fs::path& source, std::string_view name) {
  std::error_code error;
  if (!fs::exists(source, error))
    return base::fail(Code::not_found, "there is no " + source.string() + " to build: no such file or folder");
  if (!name.empty()) return named(source, name);
  const Language* best = nullptr;
  const Language* rival = nullptr;
  Match surest = Match::none;
  for (const auto* language : languages()) {
    const Match match = language->match(source);
    if (match == Match::none || match < surest) continue;
    rival = match == surest ? best : nullptr;
    best = language;
    surest = match;
  }
  if (best == nullptr) {
    return base::fail(Code::not_found, "no aggregate in " + source.string() + "; one is recognised by" + known_signs());
  }
  if (rival != nullptr) {
    return base::fail(Code::failed_precondition, source.string() + " may be " + std::string(rival->title()) + " or " +
                                                     std::string(best->title()) + "; say which: --lang " +
                                                     std::string(rival->name()) + " or --lang " +
                                                     std::string(best->name()));
  }
  return best;
}

}  // namespace thalo::build
