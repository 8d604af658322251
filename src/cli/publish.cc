// thalo publish NAME FILE
#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <memory>

#include "cli/subcommands.h"
#include "cli/terminal.h"
#include "client/client.h"
#include "env/files.h"

namespace thalo::cli {
namespace {

struct PublishFlags {
  std::string url;
  std::string name;
  std::string file;
};

int publish(const PublishFlags& flags) {
  auto component = env::read_file(flags.file);
  if (!component) return report(component.error());
  auto client = client::Client::connect(flags.url);
  if (!client) return report(client.error());
  if (auto published = (*client)->publish(flags.name, *component, std::chrono::minutes(2)); !published)
    return report(published.error());
  std::cout << "Published " << flags.name << " (" << component->size() << " bytes)\n";
  return exit_ok;
}

}  // namespace

void add_publish(CLI::App& app, Session& session) {
  auto flags = std::make_shared<PublishFlags>();
  CLI::App* command =
      app.add_subcommand("publish", "Send a module to the server, which serves it from the next command on");
  command->footer("Example: thalo publish counter modules/counter.wasm");
  add_url(*command, flags->url);
  command->add_option("name", flags->name, "The module's name, e.g. counter or bank_account")->required();
  command->add_option("file", flags->file, "The component, as `thalo build` makes it")->required();
  command->callback([flags, &session] { session.exit_code = publish(*flags); });
}

}  // namespace thalo::cli
