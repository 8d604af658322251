// Names that a Python module of an aggregate cannot have. Any thread.
#pragma once

#include <string_view>

namespace thalo::build {

// Whether `module` is a keyword, hides a module that Python or the component needs (json, random, thalo), or is hidden
// by one.
bool is_taken_in_python(std::string_view module);

}  // namespace thalo::build
