// Which files make an aggregate.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace thalo::build {

struct Sources {
  std::string name;                          // of the folder or file, as the module's name
  std::filesystem::path folder;              // where they include from
  std::vector<std::filesystem::path> files;  // sorted
};

// The *.cc, *.cpp and *.cxx of `source` and of its src/, without tests (*_test.*), or the one file that `source` is.
// NOT_FOUND when there are none.
base::Result<Sources> find_sources(const std::filesystem::path& source);

}  // namespace thalo::build
