// A program's manual page. Any thread.
#pragma once

#include <string>
#include <string_view>

#include "help/program.h"

namespace thalo::help {

// Section 1 of the manual in the roff language, with the macros that man(1) reads.
std::string man_page(const Command& program, std::string_view version);

}  // namespace thalo::help
