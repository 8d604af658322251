#include "build/build.h"

#include <cstdlib>
#include <system_error>

#include "build/componentize.h"
#include "build/process.h"
#include "build/sdk_files.h"
#include "build/sources.h"
#include "env/files.h"
#include "model/stream_name.h"

namespace thalo::build {
namespace {

namespace fs = std::filesystem;
using base::Code;

// The name under which THALO_EXPORT exports the making of an entity; every aggregate's core module spells it.
constexpr std::string_view export_mark = "thalo:aggregate/aggregate@1.0.0#[constructor]entity";

// A folder that is removed with everything in it.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(fs::path path) : path_(std::move(path)) {}
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::vector<std::string> compile_command(const Compiler& compiler, const Sources& sources, const fs::path& sdk,
                                         const BuildOptions& options, const fs::path& output) {
  std::vector<std::string> command = compiler.command;
  command.insert(command.end(), {"-Wall", "-Wextra", "-isystem", sdk.string(), "-I", sources.folder.string(), "-I",
                                 (sources.folder / "include").string()});
  command.insert(command.end(), options.flags.begin(), options.flags.end());
  for (const auto& file : sources.files) command.push_back(file.string());
  command.insert(command.end(), {"-o", output.string()});
  return command;
}

std::string listed(const std::vector<fs::path>& files) {
  std::string text;
  for (const auto& file : files) text += (text.empty() ? "" : ", ") + file.filename().string();
  return text;
}

base::Result<std::string> compile(const Compiler& compiler, const Sources& sources, const fs::path& sdk,
                                  const BuildOptions& options) {
  const auto made = env::make_temporary_folder("thalo-build");
  if (!made) return std::unexpected(made.error());
  const TemporaryFolder folder(*made);
  const auto output = folder.path() / "module.wasm";
  const auto result = run_process(compile_command(compiler, sources, sdk, options, output), options.diagnostics_fd);
  if (!result) return std::unexpected(result.error());
  if (result->exit_code != 0) {
    return base::fail(Code::invalid_argument,
                      "compiling " + listed(sources.files) + " failed; " + compiler.name + " says why above");
  }
  return env::read_file(output);
}

}  // namespace

fs::path default_cache_folder() {
  const auto set = [](const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0' ? std::string(value) : std::string();
  };
  if (const auto folder = set("THALO_CACHE"); !folder.empty()) return folder;
  if (const auto folder = set("XDG_CACHE_HOME"); !folder.empty()) return fs::path(folder) / "thalo";
  if (const auto folder = set("HOME"); !folder.empty()) return fs::path(folder) / ".cache" / "thalo";
  std::error_code error;
  return fs::temp_directory_path(error) / "thalo-cache";
}

base::Result<BuildOutput> build_aggregate(const BuildOptions& options) {
  const auto sources = find_sources(options.source);
  if (!sources) return std::unexpected(sources.error());
  const std::string name = options.name.empty() ? sources->name : options.name;
  if (const auto category = model::category_of_module(name); !category) return std::unexpected(category.error());

  const auto cache = options.cache_folder.empty() ? default_cache_folder() : options.cache_folder;
  const auto sdk = sdk_include_folder(cache);
  if (!sdk) return std::unexpected(sdk.error());
  const auto compiler = find_compiler(options.search, cache, options.diagnostics_fd);
  if (!compiler) return std::unexpected(compiler.error());

  const auto module = compile(*compiler, *sources, *sdk, options);
  if (!module) return std::unexpected(module.error());
  if (module->find(export_mark) == std::string::npos) {
    return base::fail(Code::failed_precondition,
                      "nothing in " + listed(sources->files) +
                          " is exported: put the line THALO_EXPORT(YourAggregate) behind the struct");
  }
  const auto component = componentize(*module);
  if (!component) return std::unexpected(component.error());
  if (const auto checked = check_aggregate(*component); !checked) return std::unexpected(checked.error());

  if (auto made = env::make_folder(options.output_folder); !made) return std::unexpected(made.error());
  const auto file = options.output_folder / (name + ".wasm");
  if (auto written = env::write_file_atomically(file, *component); !written) return std::unexpected(written.error());
  return BuildOutput{file, component->size(), compiler->name};
}

}  // namespace thalo::build
