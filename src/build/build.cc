#include "build/build.h"

#include <cstdlib>
#include <system_error>

#include "build/componentize.h"
#include "build/language.h"
#include "build/temporary_folder.h"
#include "env/files.h"
#include "model/stream_name.h"
#include "wasm/digest.h"

namespace thalo::build {
namespace {

namespace fs = std::filesystem;
using base::Code;

// The seventh byte of a binary is its layer: 1 for a component, 0 for a core module.
bool is_component(std::string_view wasm) { return wasm.size() >= 8 && wasm[6] == 1; }

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

base::Result<Built> compile_aggregate(const BuildOptions& options) {
  const auto language = language_of(options.source, options.language);
  if (!language) return std::unexpected(language.error());
  const std::string name = options.name.empty() ? (*language)->module_name(options.source) : options.name;
  if (const auto category = model::category_of_module(name); !category) {
    return base::fail(category.error().code,
                      category.error().message + (options.name.empty() ? "; name the module with --name" : ""));
  }

  const auto folder = TemporaryFolder::make("thalo-build");
  if (!folder) return std::unexpected(folder.error());
  const auto cache = options.cache_folder.empty() ? default_cache_folder() : options.cache_folder;
  auto compiled = (*language)->compile(
      {options.source, name, options.flags, options.search, cache, folder->path(), options.diagnostics_fd});
  if (!compiled) return std::unexpected(compiled.error());
  auto component = is_component(compiled->wasm) ? base::Result<std::string>(std::move(compiled->wasm))
                                                : componentize(compiled->wasm);
  if (!component) return std::unexpected(component.error());
  if (const auto checked = check_aggregate(*component); !checked) return std::unexpected(checked.error());
  auto interfaces = interfaces_of(*component);
  if (!interfaces) return std::unexpected(interfaces.error());
  auto digest = wasm::sha256_hex(*component);
  return Built{name,
               *std::move(component),
               std::move(digest),
               *std::move(interfaces),
               std::string((*language)->title()),
               std::move(compiled->tool)};
}

base::Result<fs::path> write_module(const Built& built, const fs::path& output_folder) {
  if (auto made = env::make_folder(output_folder); !made) return std::unexpected(made.error());
  auto file = output_folder / (built.name + ".wasm");
  if (auto written = env::write_file_atomically(file, built.component); !written)
    return std::unexpected(written.error());
  return file;
}

base::Result<BuildOutput> build_aggregate(const BuildOptions& options) {
  const auto built = compile_aggregate(options);
  if (!built) return std::unexpected(built.error());
  auto file = write_module(*built, options.output_folder);
  if (!file) return std::unexpected(file.error());
  return BuildOutput{*std::move(file), built->component.size(), built->language, built->tool};
}

}  // namespace thalo::build
