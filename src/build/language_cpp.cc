// C++: the sources of a folder are compiled by whatever clang-like compiler for wasm32-wasi is there (toolchain.h).
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>

#include "build/explain.h"
#include "build/language.h"
#include "build/process.h"
#include "build/sdk_files.h"
#include "build/sources.h"
#include "env/files.h"

namespace thalo::build {
namespace {

namespace fs = std::filesystem;
using base::Code;

// The name under which THALO_EXPORT exports the making of an entity; every aggregate's core module spells it.
constexpr std::string_view export_mark = "thalo:aggregate/aggregate@1.0.0#[constructor]entity";

constexpr std::array<std::string_view, 10> extensions{".cc",  ".cpp", ".cxx", ".h",   ".hh",
                                                      ".hpp", ".hxx", ".inc", ".ipp", ".tpp"};

std::vector<std::string> compile_command(const Compiler& compiler, const Sources& sources, const fs::path& sdk,
                                         const CompileRequest& request, const fs::path& output) {
  std::vector<std::string> command = compiler.command;
  command.insert(command.end(), {"-Wall", "-Wextra", "-isystem", sdk.string(), "-I", sources.folder.string(), "-I",
                                 (sources.folder / "include").string()});
  // Its output goes through a pipe, so it cannot tell by itself.
  const char* no_colour = std::getenv("NO_COLOR");
  if (::isatty(request.diagnostics_fd) != 0 && (no_colour == nullptr || *no_colour == '\0'))
    command.emplace_back("-fdiagnostics-color=always");
  command.insert(command.end(), request.flags.begin(), request.flags.end());
  for (const auto& file : sources.files) command.push_back(file.string());
  command.insert(command.end(), {"-o", output.string()});
  return command;
}

std::string listed(const std::vector<fs::path>& files) {
  std::string text;
  for (const auto& file : files) text += (text.empty() ? "" : ", ") + file.filename().string();
  return text;
}

void show(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written <= 0) return;  // nobody listens
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

// Shows the SDK's explanation first: the compiler takes a screen for the same.
std::unexpected<base::Error> not_compiled(const Sources& sources, const fs::path& sdk, const std::string& compiler,
                                          const std::string& output, const CompileRequest& request) {
  const auto explanations = explain_errors(output, sdk, sources);
  for (const auto& line : explanations) show(request.diagnostics_fd, line + "\n");
  if (!explanations.empty()) show(request.diagnostics_fd, "\n" + compiler + " says:\n");
  show(request.diagnostics_fd, output);
  const std::string failed = "compiling " + listed(sources.files) + " failed";
  if (explanations.empty()) return base::fail(Code::invalid_argument, failed + "; " + compiler + " says why above");
  const std::string more =
      explanations.size() == 1 ? "" : " (and " + std::to_string(explanations.size() - 1) + " more)";
  return base::fail(Code::invalid_argument, failed + more + ": " + explanations.front());
}

class Cpp final : public Language {
 public:
  std::string_view name() const override { return "cpp"; }
  std::string_view title() const override { return "C++"; }
  std::string_view recognised_by() const override {
    return "*.cc, *.cpp, *.cxx with THALO_EXPORT(…), in it or its src/";
  }

  Match match(const fs::path& source) const override { return find_sources(source) ? Match::sources : Match::none; }

  base::Result<Compiled> compile(const CompileRequest& request) const override {
    const auto sources = find_sources(request.source);
    if (!sources) return std::unexpected(sources.error());
    const auto sdk = sdk_include_folder(request.cache_folder);
    if (!sdk) {
      return base::fail_for_good(
          sdk.error().code, "the SDK's headers cannot be put where the compiler finds them: " + sdk.error().message +
                                "; set THALO_CACHE to a folder that can be written");
    }
    const auto compiler = find_compiler(request.search, request.cache_folder, request.diagnostics_fd);
    if (!compiler) return std::unexpected(compiler.error());

    const auto output = request.temporary_folder / "module.wasm";
    const auto result = run_process_quietly({compile_command(*compiler, *sources, *sdk, request, output)});
    if (!result) return std::unexpected(result.error());
    if (result->exit_code != 0) return not_compiled(*sources, *sdk, compiler->name, result->output, request);
    show(request.diagnostics_fd, result->output);  // warnings
    auto module = env::read_file(output);
    if (!module) return std::unexpected(module.error());
    if (module->find(export_mark) == std::string::npos) {
      return base::fail(Code::failed_precondition,
                        "nothing in " + listed(sources->files) +
                            " is exported: put the line THALO_EXPORT(YourAggregate) behind the struct");
    }
    return Compiled{*std::move(module), compiler->name};
  }

  bool watches(const fs::path& file) const override {
    return !file.stem().string().ends_with("_test") &&
           std::ranges::find(extensions, file.extension().string()) != extensions.end();
  }

  // One that CMake builds in.
  bool is_output_folder(const fs::path& folder) const override {
    std::error_code error;
    return fs::exists(folder / "CMakeCache.txt", error);
  }
};

}  // namespace

const Language& cpp_language() {
  static const Cpp language;
  return language;
}

}  // namespace thalo::build
