// thalo execute with many commands: JSON Lines in, an answer a line out.
#pragma once

#include <cstdint>
#include <string>

#include "client/client.h"

namespace thalo::cli {

struct ExecuteLinesFlags {
  std::string file;             // "-": standard input
  std::uint64_t from_line = 1;  // lines before it are read and left out
  std::string command_ids;      // when not empty, a line without a command_id gets `command_ids`-LINE
  std::size_t under_way_max = 256;
  bool quiet = false;  // print only what was not accepted
};

// Executes them and prints; the exit code.
int execute_lines(client::Client& client, const ExecuteLinesFlags& flags);

}  // namespace thalo::cli
