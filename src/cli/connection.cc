#include "cli/connection.h"

#include <CLI/CLI.hpp>

namespace thalo::cli {

void add_server_flags(CLI::App& command, ServerFlags& flags) {
  command.add_option("-u,--url", flags.url, "The server")->envname("THALO_URL")->capture_default_str();
  command.add_option("--timeout-ms", flags.timeout_ms, "How long to wait for an answer, in milliseconds")
      ->capture_default_str();
}

base::Result<std::unique_ptr<client::Client>> connect(const ServerFlags& flags) {
  auto client = client::Client::connect(flags.url);
  if (client) (*client)->set_timeout(std::chrono::milliseconds(flags.timeout_ms));
  return client;
}

}  // namespace thalo::cli
