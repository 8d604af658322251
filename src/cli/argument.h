// JSON given on the command line: itself, or where it is.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace thalo::cli {

// `@FILE` is the content of the file, `-` that of standard input, anything else is itself. Line ends behind the content
// are cut off.
base::Result<std::string> read_argument(const std::string& text);

// The error of a call for `category`, with the category it may have meant: a module `car-park` serves `carPark`.
base::Error with_category_meant(base::Error error, std::string_view category);

}  // namespace thalo::cli
