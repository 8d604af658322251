// How many files and sockets the process may have open at once.
#pragma once

#include <cstddef>

namespace thalo::env {

constexpr std::size_t enough_open_files = 16'384;

// What the process may have now. Any thread.
std::size_t open_files_limit();
// Raises it to what is enough, or as far as the process may: systemd and shells start programs with 1,024, for the sake
// of select(), which nothing here uses. For a program's start.
void raise_open_files_limit();

// A third is for the store's files, half for connections, the rest for everything else.
inline std::size_t store_files_max() { return open_files_limit() / 3; }
inline std::size_t connections_max() { return open_files_limit() / 2; }

}  // namespace thalo::env
