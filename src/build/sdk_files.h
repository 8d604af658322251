// The embedded SDK on disk, where a compiler can include it.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/result.h"

namespace thalo::build {

// The folder to give to the compiler's -isystem, below `cache_folder`, with every header as it is in this program:
// `#include <thalo/aggregate.h>`.
base::Result<std::filesystem::path> sdk_include_folder(const std::filesystem::path& cache_folder);

// The embedded files whose paths begin with `prefix`, e.g. "javascript/", as they are in this program, in a folder of
// their own below `cache_folder`.
base::Result<std::filesystem::path> embedded_folder(std::string_view prefix, const std::filesystem::path& cache_folder);

// What an editor and the native tests of an aggregate in `language` (as in language.h) use. NOT_FOUND: its SDK is no
// part of this program.
base::Result<std::filesystem::path> sdk_folder(std::string_view language, const std::filesystem::path& cache_folder);

}  // namespace thalo::build
