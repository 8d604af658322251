// Finding a program, running it and waiting for it. Any thread.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace thalo::build {

struct Process {
  // The program by path, or by name in $PATH, and its arguments.
  std::vector<std::string> command;
  // Set for it beside this program's own environment.
  std::vector<std::pair<std::string, std::string>> environment = {};
  // Where it runs; empty: where this program does.
  std::filesystem::path folder = {};
};

struct ProcessResult {
  int exit_code = 0;   // 128 + N when signal N ended it
  std::string output;  // what it printed, when that was asked for; at most 64 KB
};

// Runs it without input; what it prints goes to `output_fd` as it comes. UNAVAILABLE when it cannot be started.
base::Result<ProcessResult> run_process(const Process& process, int output_fd);
// The same, and what it prints is in the result.
base::Result<ProcessResult> run_process_quietly(const Process& process);

// The program `name` in the folders of `path` ($PATH's form), or `name` itself when it is a path and can be run.
std::optional<std::filesystem::path> find_program(const std::string& name, const std::string& path);

}  // namespace thalo::build
