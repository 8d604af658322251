// thalo build [SOURCE] -o OUT
#include "build/build.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <memory>
#include <optional>

#include "base/json.h"
#include "build/check.h"
#include "build/language.h"
#include "build/source_watch.h"
#include "build/workspace.h"
#include "cli/connection.h"
#include "cli/interrupt.h"
#include "cli/publisher.h"
#include "cli/subcommands.h"
#include "cli/terminal.h"

namespace thalo::cli {
namespace {

struct BuildFlags {
  std::string source = ".";
  std::string output = "modules";
  std::string name;
  std::string language;
  std::string compiler;
  std::vector<std::string> flags;
  ServerFlags server;
  bool watch = false;
  bool publish = false;
  bool check = false;
  std::vector<std::string> check_commands;
  bool json = false;
};

// What a module is, below the line that says it was built.
void describe(const build::Built& built) {
  const auto list = [](const char* title, const std::vector<std::string>& names) {
    std::cout << "    " << title;
    for (const auto& name : names) std::cout << (&name == names.data() ? "" : ", ") << name;
    std::cout << (names.empty() ? "nothing\n" : "\n");
  };
  list("exports  ", built.interfaces.exports);
  list("imports  ", built.interfaces.imports);
  std::cout << "    digest   " << built.digest << std::endl;
}

using Checked = std::optional<std::vector<build::CheckedCommand>>;

std::string list_json(const std::vector<std::string>& names) {
  std::string out = "[";
  for (const auto& name : names) out += (&name == names.data() ? "" : ",") + base::json_quote(name);
  return out + "]";
}

std::string to_json(const build::CheckedCommand& checked) {
  std::string out = "{\"command\":" + base::json_quote(checked.command.name) + ",\"payload\":";
  out += checked.command.payload;
  if (!checked.known) return out + ",\"outcome\":\"unknown\"}";
  if (const auto* rejection = std::get_if<model::Rejection>(&checked.outcome))
    return out + ",\"outcome\":\"rejected\",\"error\":" + rejection->error + "}";
  out += ",\"outcome\":\"accepted\",\"events\":[";
  bool first = true;
  for (const auto& event : std::get<std::vector<model::NewEvent>>(checked.outcome)) {
    out +=
        std::string(first ? "" : ",") + "{\"type\":" + base::json_quote(event.type) + ",\"data\":" + event.data + "}";
    first = false;
  }
  return out + "]}";
}

std::string to_json(const build::Built& built, const std::string& file, const Checked& checked) {
  std::string out =
      "{\"file\":" + base::json_quote(file) + ",\"size_bytes\":" + std::to_string(built.component.size()) +
      ",\"language\":" + base::json_quote(built.language) + ",\"tool\":" + base::json_quote(built.tool) +
      ",\"exports\":" + list_json(built.interfaces.exports) + ",\"imports\":" + list_json(built.interfaces.imports) +
      ",\"digest\":" + base::json_quote(built.digest);
  if (!checked) return out + "}";
  out += ",\"checked\":[";
  for (const auto& command : *checked) out += (&command == checked->data() ? "" : ",") + to_json(command);
  return out + "]}";
}

// 'Increment {"amount":1}', or a name alone.
build::SmokeCommand command_of(const std::string& text) {
  build::SmokeCommand command;
  const auto space = text.find(' ');
  command.name = text.substr(0, space);
  if (space != std::string::npos) command.payload = text.substr(space + 1);
  return command;
}

base::Result<> look_at_commands(const BuildFlags& flags) {
  for (const std::string& text : flags.check_commands) {
    const auto command = command_of(text);
    if (auto json = base::check_json(command.payload); !json)
      return base::fail(base::Code::invalid_argument, "--check-command '" + text + "': the payload of " + command.name +
                                                          " is not JSON: " + json.error().message);
  }
  return {};
}

base::Result<std::vector<build::CheckedCommand>> check(const BuildFlags& flags, const build::Built& built) {
  std::vector<build::SmokeCommand> commands;
  commands.reserve(flags.check_commands.size());
  for (const std::string& text : flags.check_commands) commands.push_back(command_of(text));
  return build::check_behaviour(built.name, built.component, commands, build::default_cache_folder() / "compiled");
}

// Builds, checks or writes, and tells. Errors have been reported when there is no module.
std::optional<build::Built> build_once(const BuildFlags& flags, const std::filesystem::path& source) {
  const auto start = std::chrono::steady_clock::now();
  build::BuildOptions options;
  options.source = source;
  options.name = flags.name;
  options.language = flags.language;
  options.flags = flags.flags;
  if (!flags.compiler.empty()) options.search.compiler = flags.compiler;
  auto built = build::compile_aggregate(options);
  if (!built) return report(built.error()), std::nullopt;
  std::string file;  // none when it is only checked
  Checked checked;
  if (flags.check) {
    auto answers = check(flags, *built);
    if (!answers) return report(answers.error()), std::nullopt;
    checked = *std::move(answers);
  } else {
    const auto written = build::write_module(*built, flags.output);
    if (!written) return report(written.error()), std::nullopt;
    file = written->string();
  }
  const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (flags.json) {
    std::cout << to_json(*built, file, checked) << std::endl;
    return *std::move(built);
  }
  char took[32];
  std::snprintf(took, sizeof took, "%.1f s", seconds);
  std::cout << (flags.check ? "Checked " + built->name : "Built " + file) << " (" << built->component.size()
            << " bytes, " << built->tool << ", " << took << ")\n";
  describe(*built);
  if (!checked) return *std::move(built);
  for (const auto& one : *checked)
    std::cout << "    command  " << one.command.name << " in fresh and used instances: " << one.told << std::endl;
  return *std::move(built);
}

int build_and_end(const BuildFlags& flags, const std::filesystem::path& source) {
  auto built = build_once(flags, source);
  if (!built) return exit_failed;
  if (!flags.publish) return exit_ok;
  Publisher publisher(flags.server, flags.json);
  publisher.take(built->name, std::move(built->component));
  return publisher.publish() ? exit_ok : exit_failed;
}

// Builds at every change until Ctrl-C, and publishes when that is wanted. Sources that do not compile and a server that
// is not there are told and waited for.
int build_and_watch(const BuildFlags& flags, const std::filesystem::path& source) {
  const auto language = build::language_of(source, flags.language);
  if (!language) return report(language.error());
  catch_interrupts();
  auto watch = build::SourceWatch::start(source, **language);
  if (!watch) return report(watch.error());
  Publisher publisher(flags.server, flags.json);
  for (auto woken = build::Woken::changed; woken != build::Woken::interrupted;) {
    if (woken == build::Woken::changed) {
      auto built = build_once(flags, source);
      if (built && flags.publish) publisher.take(built->name, std::move(built->component));
    }
    if (interrupted()) return exit_ok;
    publisher.publish();
    const auto retry = publisher.retry_after();
    std::cerr << "Waiting for changes in " << source.string();
    if (retry) std::cerr << "; publishing is tried again in " << retry->count() / 1000 << " s";
    std::cerr << "; Ctrl-C ends" << std::endl;
    const auto next = watch->wait(interrupt_fd(), retry);
    if (!next) return report(next.error());
    woken = *next;
  }
  return exit_ok;
}

int build(const BuildFlags& flags) {
  if (auto readable = look_at_commands(flags); !readable) return report(readable.error());
  const auto source = build::find_in_workspace(".", flags.source);
  if (!source) return report(source.error());
  return flags.watch ? build_and_watch(flags, *source) : build_and_end(flags, *source);
}

}  // namespace

void add_build(CLI::App& app, Session& session) {
  auto flags = std::make_shared<BuildFlags>();
  CLI::App* command = app.add_subcommand("build", "Compile an aggregate into a module");
  command->footer(
      "Examples: thalo build counter -o ./modules\n          thalo build counter --watch --publish\nThe compiler is "
      "the first found of: --compiler, THALO_WASM_CXX, "
      "wasi-sdk (WASI_SDK_PATH), clang++ with Debian's wasm32 packages, ziglang of Python.");
  command
      ->add_option("source", flags->source,
                   "A folder with the aggregate's sources, one source file, or the name of a folder here, in "
                   "examples/ or in aggregates/")
      ->capture_default_str();
  command->add_option("-o,--output", flags->output, "Folder for the module")->capture_default_str();
  command->add_option("--name", flags->name, "The module's name [default: the folder's]");
  command->add_option("--lang", flags->language, "The language [default: found out from the files]");
  command->add_option("--compiler", flags->compiler, "The C++ compiler for wasm32-wasi");
  command->add_option("--flag", flags->flags, "A further flag for the compiler, e.g. --flag=-DLIMIT=5; may be repeated")
      ->allow_extra_args(false);
  command->add_flag("--watch", flags->watch, "Build again whenever a source or header changes, until Ctrl-C");
  command->add_flag("--publish", flags->publish,
                    "Also send it to the server, which serves it from the next command on; with --watch at every "
                    "change");
  flags->server.timeout_ms = 120000;
  add_server_flags(*command, flags->server);
  command
      ->add_flag("--check", flags->check,
                 "Write nothing; also give a command to entities in fresh and used instances, whose answers must be "
                 "the same to the byte")
      ->excludes("--watch")
      ->excludes("--publish");
  command
      ->add_option("--check-command", flags->check_commands,
                   "A command for --check, e.g. 'Increment {\"amount\":1}'; may be repeated: the entity gets them in "
                   "order [default: one it must refuse as unknown]")
      ->allow_extra_args(false)
      ->needs("--check");
  command->add_flag("--json", flags->json, "Print one JSON object a build");
  command->callback([flags, &session] { session.exit_code = build(*flags); });
}

}  // namespace thalo::cli
