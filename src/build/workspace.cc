#include "build/workspace.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <system_error>
#include <vector>

#include "build/language.h"

namespace thalo::build {
namespace {

namespace fs = std::filesystem;
using base::Code;

constexpr std::array<std::string_view, 3> places{"", "examples", "aggregates"};
constexpr std::size_t names_shown_max = 20;

bool is_path(const std::string& source) {
  return source.find('/') != std::string::npos || source == "." || source == "..";
}

bool is_aggregate(const fs::path& folder) {
  return std::ranges::any_of(languages(),
                             [&](const Language* language) { return language->match(folder) != Match::none; });
}

// Every name that would be found. Bounded: the folder a user stands in may hold anything.
std::set<std::string> names_in(const fs::path& workspace) {
  constexpr std::size_t entries_max = 10'000;
  std::set<std::string> names;
  std::size_t entries = 0;
  for (const auto place : places) {
    std::error_code error;
    for (fs::directory_iterator entry(workspace / place, error), end; !error && entry != end && entries < entries_max;
         entry.increment(error), ++entries) {
      std::error_code ignored;
      const auto name = entry->path().filename().string();
      if (!name.starts_with('.') && entry->is_directory(ignored) && is_aggregate(entry->path())) names.insert(name);
    }
  }
  return names;
}

std::string not_found_message(const fs::path& workspace, const std::string& source) {
  std::string text = "there is no folder '" + source + "' with an aggregate here, in examples/ or in aggregates/";
  const auto names = names_in(workspace);
  if (names.empty()) return text + "; give the path of the aggregate's folder, or make one: thalo new " + source;
  text += "; there are:";
  std::size_t shown = 0;
  for (const auto& name : names) {
    if (shown++ == names_shown_max) return text + ", …";
    text += (shown == 1 ? " " : ", ") + name;
  }
  return text;
}

}  // namespace

base::Result<fs::path> find_in_workspace(const fs::path& workspace, const std::string& source) {
  std::error_code error;
  if (is_path(source) || fs::is_regular_file(workspace / source, error)) return fs::path(source);
  std::vector<fs::path> found;
  for (const auto place : places) {
    const auto folder = fs::path(place) / source;
    if (fs::is_directory(workspace / folder, error) && is_aggregate(workspace / folder)) found.push_back(folder);
  }
  for (const auto* language : languages()) {
    const auto member = found.empty() ? language->member(workspace, source) : std::nullopt;
    if (member) found.push_back(*member);
  }
  if (found.size() == 1) return found.front();
  if (found.empty()) return base::fail(Code::not_found, not_found_message(workspace, source));
  std::string text = "'" + source + "' may be several folders; say which:";
  for (const auto& folder : found) text += (&folder == found.data() ? " ./" : ", ./") + folder.string();
  return base::fail(Code::failed_precondition, text);
}

}  // namespace thalo::build
