// C: as C++, with the same compilers told to take C.
#include <algorithm>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

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
constexpr std::size_t files_max = 1000;

bool is_source(const fs::path& file) {
  return file.extension() == ".c" && !file.stem().string().ends_with("_test") &&
         !file.filename().string().starts_with(".");
}

std::vector<fs::path> sources_of(const fs::path& source) {
  std::error_code error;
  if (fs::is_regular_file(source, error)) return is_source(source) ? std::vector{source} : std::vector<fs::path>();
  std::vector<fs::path> files;
  for (const auto& folder : {source, source / "src"}) {
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end && files.size() < files_max;
         entry.increment(error)) {
      if (is_source(entry->path())) files.push_back(entry->path());
    }
  }
  std::ranges::sort(files);
  return files;
}

class C final : public Language {
 public:
  std::string_view name() const override { return "c"; }
  std::string_view title() const override { return "C"; }
  std::string_view recognised_by() const override { return "*.c with THALO_EXPORT(…), in it or its src/"; }

  // C sources beside C++ ones are a C++ aggregate's.
  Match match(const fs::path& source) const override {
    return sources_of(source).empty() || find_sources(source) ? Match::none : Match::sources;
  }

  base::Result<Compiled> compile(const CompileRequest& request) const override {
    const auto sdk = embedded_folder("c/", request.cache_folder);
    if (!sdk) return std::unexpected(sdk.error());
    const auto compiler = find_compiler(request.search, request.cache_folder, request.diagnostics_fd);
    if (!compiler) return std::unexpected(compiler.error());

    std::error_code error;
    const bool is_file = fs::is_regular_file(request.source, error);
    const fs::path folder = is_file ? request.source.parent_path() : request.source;
    const auto output = request.temporary_folder / "module.wasm";
    std::vector<std::string> command = compiler->command;
    command.insert(command.end(), {"-x", "c", "-std=c17", "-Wno-unused-command-line-argument", "-Wall", "-Wextra",
                                   "-isystem", (*sdk / "include").string(), "-I",
                                   folder.empty() ? "." : folder.string(), "-I", (folder / "include").string()});
    command.insert(command.end(), request.flags.begin(), request.flags.end());
    for (const auto& file : sources_of(request.source)) command.push_back(file.string());
    command.insert(command.end(), {"-o", output.string()});
    const auto done = run_process({command}, request.diagnostics_fd);
    if (!done) return std::unexpected(done.error());
    if (done->exit_code != 0) {
      return base::fail(Code::invalid_argument,
                        "compiling " + request.source.string() + " failed; " + compiler->name + " says why above");
    }
    auto module = env::read_file(output);
    if (!module) return std::unexpected(module.error());
    if (module->find(export_mark) == std::string::npos) {
      return base::fail(Code::failed_precondition, "nothing in " + request.source.string() +
                                                       " is exported: put the line THALO_EXPORT(your_aggregate) behind "
                                                       "the thalo_aggregate");
    }
    return Compiled{*std::move(module), compiler->name};
  }

  bool watches(const fs::path& file) const override { return is_source(file) || file.extension() == ".h"; }
  // One that CMake builds in.
  bool is_output_folder(const fs::path& folder) const override {
    std::error_code error;
    return fs::exists(folder / "CMakeCache.txt", error);
  }
};

}  // namespace

const Language& c_language() {
  static const C language;
  return language;
}

}  // namespace thalo::build
