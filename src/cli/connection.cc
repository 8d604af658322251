#include "cli/connection.h"

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "base/duration_limit.h"
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
      ->check(CLI::Range(std::uint64_t{0}, base::duration_ms_max))
      ->capture_default_str();
}

CLI::Option* add_store_flag(CLI::App& command, ServerFlags& flags, const std::string& help) {
  CLI::Option* store = command.add_option("--store", flags.store, help);
  instead_of_server(command, store);
  return store;
}

void instead_of_server(CLI::App& command, CLI::Option* option) {
  const CLI::Option* url = command.get_option("--url");
  option->check(CLI::Validator(
      [url](std::string&) {
        const char* const environment = std::getenv(url->get_envname().c_str());
        const bool given = url->count() > 0 && (environment == nullptr || url->results().back() != environment);
        return given ? std::string("--url names a server; give one of the two") : std::string();
      },
      ""));
}

base::Result<std::unique_ptr<client::Client>> connect(const ServerFlags& flags) {
  if (!flags.store.empty()) return open_local(flags.store);
  auto client = client::Client::connect(flags.url);
  if (client) (*client)->set_timeout(std::chrono::milliseconds(flags.timeout_ms));
  return client;
}

}  // namespace thalo::cli
