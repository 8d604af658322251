// The server a subcommand talks to.
#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "client/client.h"

namespace thalo::cli {

struct ServerFlags {
  std::string url = "http://localhost:4433";
  std::uint64_t timeout_ms = 30000;
};

// `-u/--url` (or THALO_URL) and `--timeout-ms`.
void add_server_flags(CLI::App& command, ServerFlags& flags);

base::Result<std::unique_ptr<client::Client>> connect(const ServerFlags& flags);

}  // namespace thalo::cli
