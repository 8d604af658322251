// What every command of the CLI shares: its exit codes, how it reports errors, and whether to use colour.
#pragma once

#include <unistd.h>

#include <string>
#include <string_view>

#include "base/result.h"

namespace thalo::cli {

// Documented in docs/cli.md.
enum ExitCode : int {
  exit_ok = 0,
  exit_failed = 1,    // the command could not be carried out; standard error says why
  exit_usage = 2,     // the command line is wrong
  exit_rejected = 3,  // the aggregate refused the command
};

// Prints `error: …` to standard error; a retryable error says so. Returns exit_failed.
int report(const base::Error& error);

// Whether the output is a terminal that wants colour (NO_COLOR is respected).
bool colour_wanted(int fd = STDOUT_FILENO);

// `text` in the colour of the SGR code, or as it is.
std::string coloured(std::string_view text, std::string_view sgr, bool colour);

}  // namespace thalo::cli
