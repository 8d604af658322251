#include "build/sources.h"

#include <algorithm>
#include <system_error>

namespace thalo::build {
namespace {

namespace fs = std::filesystem;
using base::Code;

constexpr std::size_t files_max = 1000;

bool is_source(const fs::path& path) {
  const auto extension = path.extension();
  return (extension == ".cc" || extension == ".cpp" || extension == ".cxx") &&
         !path.stem().string().ends_with("_test") && !path.filename().string().starts_with(".");
}

void add_sources(const fs::path& folder, std::vector<fs::path>& files) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end && files.size() < files_max;
       entry.increment(error)) {
    std::error_code ignored;
    if (is_source(entry->path()) && entry->is_regular_file(ignored)) files.push_back(entry->path());
  }
}

}  // namespace

base::Result<Sources> find_sources(const fs::path& source) {
  std::error_code error;
  const fs::path absolute = fs::canonical(source, error);
  if (error) return base::fail(Code::not_found, "there is no " + source.string() + " to build: " + error.message());
  // The compiler gets the paths as the user wrote them, and shows them so in its messages.
  if (fs::is_regular_file(absolute, error)) {
    if (!is_source(source)) {
      return base::fail(Code::invalid_argument, source.string() + " is no C++ source (*.cc, *.cpp, *.cxx)");
    }
    return Sources{absolute.stem().string(), source.has_parent_path() ? source.parent_path() : ".", {source}};
  }
  Sources sources{absolute.filename().string(), source, {}};
  add_sources(source, sources.files);
  add_sources(source / "src", sources.files);
  std::ranges::sort(sources.files);
  if (sources.files.empty()) {
    return base::fail(Code::not_found,
                      "no C++ source (*.cc, *.cpp, *.cxx) in " + source.string() +
                          " or its src/; an aggregate is a struct with THALO_EXPORT(…) in such a file");
  }
  return sources;
}

}  // namespace thalo::build
