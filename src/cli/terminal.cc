#include "cli/terminal.h"

#include <unistd.h>

#include <cstdlib>
#include <iostream>

namespace thalo::cli {

int report(const base::Error& error) {
  std::cerr << "error: " << error.message << " [" << base::code_name(error.code)
            << (error.retryable() ? ", retryable" : "") << "]\n";
  return exit_failed;
}

bool colour_wanted(int fd) {
  const char* no_colour = std::getenv("NO_COLOR");
  return ::isatty(fd) != 0 && (no_colour == nullptr || *no_colour == '\0');
}

std::string coloured(std::string_view text, std::string_view sgr, bool colour) {
  if (!colour) return std::string(text);
  return "\x1b[" + std::string(sgr) + "m" + std::string(text) + "\x1b[0m";
}

}  // namespace thalo::cli
