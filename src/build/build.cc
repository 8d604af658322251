#include "build/build.h"

#include <cstdlib>
#include <system_error>

#include "build/componentize.h"
#include "build/language.h"
#include "env/files.h"
#include "model/stream_name.h"

namespace thalo::build {
namespace {

namespace fs = std::filesystem;
using base::Code;

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

base::Result<BuildOutput> build_aggregate(const BuildOptions& options) {
  const auto language = language_of(options.source, options.language);
  if (!language) return std::unexpected(language.error());
  const std::string name = options.name.empty() ? (*language)->module_name(options.source) : options.name;
  if (const auto category = model::category_of_module(name); !category) return std::unexpected(category.error());

  const auto made = env::make_temporary_folder("thalo-build");
  if (!made) return std::unexpected(made.error());
  const TemporaryFolder folder(*made);
  const auto cache = options.cache_folder.empty() ? default_cache_folder() : options.cache_folder;
  auto compiled = (*language)->compile(
      {options.source, name, options.flags, options.search, cache, folder.path(), options.diagnostics_fd});
  if (!compiled) return std::unexpected(compiled.error());
  const auto component = is_component(compiled->wasm) ? base::Result<std::string>(std::move(compiled->wasm))
                                                      : componentize(compiled->wasm);
  if (!component) return std::unexpected(component.error());
  if (const auto checked = check_aggregate(*component); !checked) return std::unexpected(checked.error());

  if (auto exists = env::make_folder(options.output_folder); !exists) return std::unexpected(exists.error());
  const auto file = options.output_folder / (name + ".wasm");
  if (auto written = env::write_file_atomically(file, *component); !written) return std::unexpected(written.error());
  return BuildOutput{file, component->size(), std::string((*language)->title()), compiled->tool};
}

}  // namespace thalo::build
