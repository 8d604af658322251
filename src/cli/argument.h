// JSON given on the command line: itself, or where it is.
#pragma once

#include <string>

#include "base/result.h"

namespace thalo::cli {

// `@FILE` is the content of the file, `-` that of standard input, anything else is itself. Line ends behind the content
// are cut off.
base::Result<std::string> read_argument(const std::string& text);

}  // namespace thalo::cli
