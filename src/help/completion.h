// Scripts that make a shell complete a program's commands and flags. Any thread.
#pragma once

#include <string>

#include "help/program.h"

namespace thalo::help {

// Each completes the program's commands, the flags of each and the values of those that have a fixed set; other values
// and arguments are completed as files. One level of commands is known.
std::string bash_completion(const Command& program);
std::string zsh_completion(const Command& program);
std::string fish_completion(const Command& program);

}  // namespace thalo::help
