// Running a program and waiting for it. Any thread.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace thalo::build {

struct ProcessResult {
  int exit_code = 0;   // 128 + N when signal N ended it
  std::string output;  // what it printed, when that was asked for; at most 64 KB
};

// Runs `command` (the program by path, or by name in $PATH); what it prints goes to `output_fd`. UNAVAILABLE when it
// cannot be started.
base::Result<ProcessResult> run_process(const std::vector<std::string>& command, int output_fd);
// The same, and what it prints is in the result.
base::Result<ProcessResult> run_process_quietly(const std::vector<std::string>& command);

}  // namespace thalo::build
