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

// `--store`, instead of a server.
CLI::Option* add_store_flag(CLI::App& command, ServerFlags& flags,
                            const std::string& help = "Read this folder of a closed store instead of asking a server");

// The command line may have this or `--url`, not both; THALO_URL is only what stands in for `--url`.
void instead_of_server(CLI::App& command, CLI::Option* option);

// The server, or the closed store.
base::Result<std::unique_ptr<client::Client>> connect(const ServerFlags& flags);

}  // namespace thalo::cli
