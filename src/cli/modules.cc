// thalo modules, publish and rollback.
#include "cli/modules.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iomanip>
#include <iostream>
#include <memory>

#include "base/json.h"
#include "cli/connection.h"
#include "cli/event_text.h"
#include "cli/subcommands.h"
#include "cli/terminal.h"
#include "env/files.h"

namespace thalo::cli {
namespace {

struct ModuleFlags {
  ServerFlags server;
  std::string name;
  std::string file;
  std::uint32_t version = 0;
  bool json = false;
};

std::string to_json(const client::ModuleVersion& version) {
  return "{\"version\":" + std::to_string(version.version) + ",\"digest\":" + base::json_quote(version.digest) +
         ",\"size_bytes\":" + std::to_string(version.size_bytes) +
         ",\"published_ms\":" + std::to_string(version.published_ms) + "}";
}

std::string to_json(const client::Module& module) {
  std::string out =
      "{\"name\":" + base::json_quote(module.name) + ",\"category\":" + base::json_quote(module.category) +
      ",\"version\":" + std::to_string(module.version) + ",\"digest\":" + base::json_quote(module.digest) +
      ",\"size_bytes\":" + std::to_string(module.size_bytes) + ",\"world\":" + base::json_quote(module.world) +
      ",\"offers_snapshots\":" + (module.offers_snapshots ? "true" : "false") + ",\"versions\":[";
  for (std::size_t i = 0; i < module.versions.size(); ++i) out += (i == 0 ? "" : ",") + to_json(module.versions[i]);
  return out + "]}";
}

std::string version_text(std::uint32_t version) { return version == 0 ? "by hand" : std::to_string(version); }

int list_modules(client::Client& client, const ModuleFlags& flags) {
  auto modules = client.modules();
  if (!modules) return report(modules.error());
  std::size_t width = 4;
  for (const client::Module& module : *modules) width = std::max({width, module.name.size(), module.category.size()});
  const auto column = static_cast<int>(width + 2);
  if (!flags.json)
    std::cout << std::left << std::setw(column) << "NAME" << std::setw(column) << "SERVES"
              << "VERSION  BYTES     SNAPSHOTS  DIGEST\n";
  for (const client::Module& module : *modules) {
    if (flags.json) {
      std::cout << to_json(module) << '\n';
      continue;
    }
    std::cout << std::left << std::setw(column) << module.name << std::setw(column) << module.category << std::setw(9)
              << version_text(module.version) << std::setw(10) << module.size_bytes << std::setw(11)
              << (module.offers_snapshots ? "yes" : "no") << module.digest.substr(0, 12) << '\n';
  }
  return exit_ok;
}

void print_module(const client::Module& module, bool json) {
  if (json) {
    std::cout << to_json(module) << '\n';
    return;
  }
  std::cout << module.name << " serves " << module.category << " (" << module.world << ", " << module.size_bytes
            << " bytes, digest " << module.digest << ")\n";
  for (const client::ModuleVersion& version : module.versions) {
    std::cout << (version.version == module.version ? "  * " : "    ") << "version " << version.version << "  "
              << time_text(version.published_ms) << "  " << version.size_bytes << " bytes  "
              << version.digest.substr(0, 12) << '\n';
  }
  if (module.versions.empty()) std::cout << "    no published versions: the file was put into the folder by hand\n";
}

int modules(const ModuleFlags& flags) {
  auto client = connect(flags.server);
  if (!client) return report(client.error());
  if (flags.name.empty()) return list_modules(**client, flags);
  auto module = (*client)->module(flags.name);
  if (!module) return report(module.error());
  print_module(*module, flags.json);
  return exit_ok;
}

int publish(const ModuleFlags& flags) {
  auto component = env::read_file(flags.file);
  if (!component) return report(component.error());
  auto client = connect(flags.server);
  if (!client) return report(client.error());
  auto module = (*client)->publish(flags.name, *component);
  if (!module) return report(module.error());
  if (flags.json) {
    std::cout << to_json(*module) << '\n';
  } else {
    std::cout << published_line(*module) << '\n';
  }
  return exit_ok;
}

int rollback(const ModuleFlags& flags) {
  auto client = connect(flags.server);
  if (!client) return report(client.error());
  auto module = (*client)->rollback(flags.name, flags.version);
  if (!module) return report(module.error());
  print_module(*module, flags.json);
  return exit_ok;
}

}  // namespace

std::string published_line(const client::Module& module) {
  return "Published " + module.name + " version " + std::to_string(module.version) + " (" +
         std::to_string(module.size_bytes) + " bytes, digest " + module.digest.substr(0, 12) + "); it serves " +
         module.category;
}

void add_modules(CLI::App& app, Session& session) {
  auto flags = std::make_shared<ModuleFlags>();
  CLI::App* command = app.add_subcommand("modules", "List the modules being served, or one with its versions");
  command->footer("Examples: thalo modules\n          thalo modules bank_account");
  add_server_flags(*command, flags->server);
  command->add_option("name", flags->name, "Only this module, with its versions");
  command->add_flag("--json", flags->json, "Print one JSON object a line");
  command->callback([flags, &session] { session.exit_code = modules(*flags); });
}

void add_publish(CLI::App& app, Session& session) {
  auto flags = std::make_shared<ModuleFlags>();
  flags->server.timeout_ms = 120000;
  CLI::App* command =
      app.add_subcommand("publish", "Send a module to the server, which serves it from the next command on");
  command->footer("Example: thalo publish counter modules/counter.wasm");
  add_server_flags(*command, flags->server);
  command->add_option("name", flags->name, "The module's name, e.g. counter or bank_account")->required();
  command->add_option("file", flags->file, "The component, as `thalo build` makes it")->required();
  command->add_flag("--json", flags->json, "Print one JSON object");
  command->callback([flags, &session] { session.exit_code = publish(*flags); });
}

void add_rollback(CLI::App& app, Session& session) {
  auto flags = std::make_shared<ModuleFlags>();
  flags->server.timeout_ms = 120000;
  CLI::App* command = app.add_subcommand("rollback", "Serve an earlier version of a module again");
  command->footer("Example: thalo rollback counter --version 3");
  add_server_flags(*command, flags->server);
  command->add_option("name", flags->name, "The module")->required();
  command->add_option("--version", flags->version, "The version to serve [default: the one before the one served]")
      ->check(CLI::Range(std::uint32_t{1}, UINT32_MAX));
  command->add_flag("--json", flags->json, "Print one JSON object");
  command->callback([flags, &session] { session.exit_code = rollback(*flags); });
}

}  // namespace thalo::cli
