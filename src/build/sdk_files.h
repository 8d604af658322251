// The embedded SDK on disk, where a compiler can include it.
#pragma once

#include <filesystem>

#include "base/result.h"

namespace thalo::build {

// The folder to give to the compiler's -isystem, below `cache_folder`, with every header as it is in this program:
// `#include <thalo/aggregate.h>`.
base::Result<std::filesystem::path> sdk_include_folder(const std::filesystem::path& cache_folder);

}  // namespace thalo::build
