// What a compiler's messages mean to somebody who writes an aggregate. Any thread.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "build/sources.h"

namespace thalo::build {

// One readable line, FILE:LINE: REASON, for each of the SDK's own rules that the sources break, and for a second
// THALO_EXPORT. `output` is what clang or its linker has printed, `sdk` the folder of the SDK's headers as the compiler
// was given it. Empty: the compiler's words speak for themselves.
std::vector<std::string> explain_errors(std::string_view output, const std::filesystem::path& sdk,
                                        const Sources& sources);

}  // namespace thalo::build
