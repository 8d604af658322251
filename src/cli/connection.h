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
  std::string store;  // when not empty, the folder of a closed store instead of a server
};

// `-u/--url` (or THALO_URL) and `--timeout-ms`.
void add_server_flags(CLI::App& command, ServerFlags& flags);

// `--store`, for commands that only read.
void add_store_flag(CLI::App& command, ServerFlags& flags);

// The server, or the closed store.
base::Result<std::unique_ptr<client::Client>> connect(const ServerFlags& flags);

}  // namespace thalo::cli
