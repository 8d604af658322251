// Where an aggregate is that a user names: a path, or a name below the folder they work in. Any thread.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace thalo::build {

// `source` itself when it is a file or a path (it has a '/', or is "." or ".."). Otherwise the folder of that name with
// an aggregate in `workspace`, its examples/ or its aggregates/, or the package of that name in the workspace of a
// language's own tool (Cargo's). NOT_FOUND says where it was looked for and what is
// there; FAILED_PRECONDITION: there are several, and it lists them.
base::Result<std::filesystem::path> find_in_workspace(const std::filesystem::path& workspace,
                                                      const std::string& source);

}  // namespace thalo::build
