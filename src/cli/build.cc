// thalo build DIR -o OUT
#include "build/build.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <memory>

#include "cli/subcommands.h"
#include "cli/terminal.h"

namespace thalo::cli {
namespace {

struct BuildFlags {
  std::string source;
  std::string output = "modules";
  std::string name;
  std::string compiler;
  std::vector<std::string> flags;
};

int build(const BuildFlags& flags) {
  const auto start = std::chrono::steady_clock::now();
  build::BuildOptions options;
  options.source = flags.source;
  options.output_folder = flags.output;
  options.name = flags.name;
  options.flags = flags.flags;
  if (!flags.compiler.empty()) options.search.compiler = flags.compiler;
  auto output = build::build_aggregate(options);
  if (!output) return report(output.error());
  const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  char took[32];
  std::snprintf(took, sizeof took, "%.1f s", seconds);
  std::cout << "Built " << output->file.string() << " (" << output->size_bytes << " bytes, " << output->compiler << ", "
            << took << ")\n";
  return exit_ok;
}

}  // namespace

void add_build(CLI::App& app, Session& session) {
  auto flags = std::make_shared<BuildFlags>();
  CLI::App* command = app.add_subcommand("build", "Compile a C++ aggregate into a module");
  command->footer(
      "Example: thalo build counter -o ./modules\nThe compiler is the first found of: --compiler, THALO_WASM_CXX, "
      "wasi-sdk (WASI_SDK_PATH), clang++ with Debian's wasm32 packages, ziglang of Python.");
  command->add_option("source", flags->source, "A folder with the aggregate's C++ sources, or one source file")
      ->required();
  command->add_option("-o,--output", flags->output, "Folder for the module")->capture_default_str();
  command->add_option("--name", flags->name, "The module's name [default: the folder's]");
  command->add_option("--compiler", flags->compiler, "The C++ compiler for wasm32-wasi");
  command->add_option("--flag", flags->flags,
                      "A further flag for the compiler, e.g. --flag=-DLIMIT=5; may be repeated");
  command->callback([flags, &session] { session.exit_code = build(*flags); });
}

}  // namespace thalo::cli
