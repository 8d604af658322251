#include "cli/connection.h"

#include <CLI/CLI.hpp>

#include "cli/local_client.h"

namespace thalo::cli {

void add_server_flags(CLI::App& command, ServerFlags& flags) {
  const CLI::Validator is_url(
      [](std::string& text) {
        const auto legal = client::address_of(text);
        return legal ? std::string() : legal.error().message;
      },
      "");
  command.add_option("-u,--url", flags.url, "The server")->envname("THALO_URL")->check(is_url)->capture_default_str();
  command.add_option("--timeout-ms", flags.timeout_ms, "How long to wait for an answer, in milliseconds")
      ->capture_default_str();
}

void add_store_flag(CLI::App& command, ServerFlags& flags) {
  command.add_option("--store", flags.store, "Read this folder of a closed store instead of asking a server");
}

base::Result<std::unique_ptr<client::Client>> connect(const ServerFlags& flags) {
  if (!flags.store.empty()) return open_local(flags.store);
  auto client = client::Client::connect(flags.url);
  if (client) (*client)->set_timeout(std::chrono::milliseconds(flags.timeout_ms));
  return client;
}

}  // namespace thalo::cli
