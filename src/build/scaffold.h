// A new aggregate's folder, from the templates inside the program. Any thread.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace thalo::build {

// The languages there are templates for.
std::vector<std::string> scaffold_languages();

struct Scaffold {
  std::filesystem::path folder;
  std::vector<std::string> files;  // their names in the folder
  std::string category;            // what the module serves
  std::string type;                // the aggregate's struct
};

// Makes the folder `name` in `parent` with an aggregate that builds, and its test. INVALID_ARGUMENT: an illegal name or
// an unknown language. ALREADY_EXISTS: something of that name is there; nothing is overwritten.
base::Result<Scaffold> make_scaffold(const std::filesystem::path& parent, std::string_view name,
                                     std::string_view language);

}  // namespace thalo::build
