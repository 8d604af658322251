// thalo streams: which streams there are.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "base/json.h"
#include "cli/connection.h"
#include "cli/subcommands.h"
#include "cli/terminal.h"

namespace thalo::cli {
namespace {

struct StreamsFlags {
  ServerFlags server;
  std::string category;
  std::uint64_t limit = 0;
  bool json = false;
};

int streams(const StreamsFlags& flags) {
  auto client = connect(flags.server);
  if (!client) return report(client.error());
  auto listed = (*client)->list_streams(flags.category, flags.limit, [&](const client::StreamInfo& stream) {
    if (flags.json) {
      std::cout << "{\"stream\":" << base::json_quote(stream.name) << ",\"version\":" << stream.version << "}\n";
    } else {
      std::cout << stream.version << "  " << stream.name << '\n';
    }
    return std::cout.good();
  });
  return listed ? exit_ok : report(listed.error());
}

}  // namespace

void add_streams(CLI::App& app, Session& session) {
  auto flags = std::make_shared<StreamsFlags>();
  CLI::App* command =
      app.add_subcommand("streams", "List streams with their numbers of events, in the order of their names");
  command->footer("Example: thalo streams --category counter");
  add_server_flags(*command, flags->server);
  add_store_flag(*command, flags->server);
  command->add_option("--category", flags->category, "Only streams of this category");
  command->add_option("--limit", flags->limit, "The most streams to list; 0: all")->capture_default_str();
  command->add_flag("--json", flags->json, "Print one JSON object a line");
  command->callback([flags, &session] { session.exit_code = streams(*flags); });
}

}  // namespace thalo::cli
