// Go: the compiler's own wasip1 target makes a core module; the SDK has the exports, our preview1 adapter answers the
// runtime's WASI calls.
#include <array>
#include <charconv>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "build/language.h"
#include "build/process.h"
#include "build/sdk_files.h"
#include "env/files.h"

namespace thalo::build {
namespace {

namespace fs = std::filesystem;
using base::Code;

// In thalo.Export, which the linker leaves out when nothing calls it.
constexpr std::string_view export_mark = "Export was called twice";
constexpr int least_minor = 24;

bool is_source(const fs::path& file) {
  return file.extension() == ".go" && !file.stem().string().ends_with("_test") &&
         !file.filename().string().starts_with(".");
}

bool has_sources(const fs::path& folder) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (is_source(entry->path())) return true;
  }
  return false;
}

// The folder with the go.mod that `folder` belongs to; empty when there is none.
fs::path module_root(const fs::path& folder) {
  std::error_code error;
  for (auto at = fs::canonical(folder, error); !at.empty(); at = at.parent_path()) {
    if (fs::is_regular_file(at / "go.mod", error)) return at;
    if (at == at.parent_path()) break;
  }
  return {};
}

// The version for the workspace: no module in it may ask for more. `//go:wasmexport` came with 1.24.
std::string language_version(const fs::path& root) {
  std::string version = "1." + std::to_string(least_minor);
  const auto text = env::read_file(root / "go.mod", std::size_t{1} << 20);
  if (!text) return version;
  const auto line = text->starts_with("go ") ? 0 : text->find("\ngo ");
  if (line == std::string::npos) return version;
  const auto begin = text->find("go ", line) + 3;
  const std::string given = text->substr(begin, text->find_first_of(" \r\n", begin) - begin);
  int minor = 0;
  if (given.starts_with("1.")) std::from_chars(given.data() + 2, given.data() + given.size(), minor);
  return minor > least_minor ? given : version;
}

class Go final : public Language {
 public:
  std::string_view name() const override { return "go"; }
  std::string_view title() const override { return "Go"; }
  std::string_view recognised_by() const override { return "*.go with thalo.Export, in a module (go.mod)"; }

  Match match(const fs::path& source) const override {
    std::error_code error;
    if (fs::is_regular_file(source, error)) return is_source(source) ? Match::sources : Match::none;
    if (!has_sources(source)) return Match::none;
    return fs::is_regular_file(source / "go.mod", error) ? Match::manifest : Match::sources;
  }

  base::Result<Compiled> compile(const CompileRequest& request) const override {
    const auto go = find_program("go", request.search.path);
    if (!go) {
      return base::fail(Code::not_found,
                        "no go in PATH: aggregates in Go are built with Go 1.24 or newer; install it from your "
                        "system's packages or as go.dev says");
    }
    std::error_code error;
    const bool is_file = fs::is_regular_file(request.source, error);
    const auto folder = is_file ? fs::canonical(request.source, error).parent_path() : request.source;
    const auto root = module_root(folder);
    if (root.empty()) {
      return base::fail(Code::failed_precondition,
                        request.source.string() +
                            " is in no Go module; make one with `go mod init` and the line `require thalo v0.9.0`, or "
                            "begin with `thalo new --lang go`");
    }
    const auto workspace = write_workspace(request, root);
    if (!workspace) return std::unexpected(workspace.error());

    const auto output = request.temporary_folder / "module.wasm";
    std::vector<std::string> command{go->string(),     "build", "-buildmode=c-shared", "-trimpath",
                                     "-ldflags=-s -w", "-o",    output.string()};
    command.insert(command.end(), request.flags.begin(), request.flags.end());
    command.push_back(is_file ? request.source.filename().string() : ".");
    const auto done =
        run_process({command, {{"GOOS", "wasip1"}, {"GOARCH", "wasm"}, {"GOWORK", workspace->string()}}, folder},
                    request.diagnostics_fd);
    if (!done) return std::unexpected(done.error());
    if (done->exit_code != 0) {
      return base::fail(Code::invalid_argument,
                        "compiling " + request.source.string() + " failed; go build says why above");
    }
    auto module = env::read_file(output);
    if (!module) return std::unexpected(module.error());
    if (module->find(export_mark) == std::string::npos) {
      return base::fail(Code::failed_precondition,
                        "nothing in " + request.source.string() +
                            " is exported: put the line `func init() { thalo.Export[YourAggregate]() }` behind the "
                            "struct");
    }
    return Compiled{*std::move(module), "go build"};
  }

  bool watches(const fs::path& file) const override {
    const auto name = file.filename();
    return is_source(file) || name == "go.mod" || name == "go.sum";
  }

 private:
  // The aggregate's module and the SDK of this program, so that `require thalo` is met without a registry.
  static base::Result<fs::path> write_workspace(const CompileRequest& request, const fs::path& root) {
    const auto sdk = embedded_folder("go/", request.cache_folder);
    if (!sdk) return std::unexpected(sdk.error());
    std::error_code error;
    const std::string text = "go " + language_version(root) + "\n\nuse (\n\t\"" + root.string() + "\"\n\t\"" +
                             fs::canonical(*sdk, error).string() + "\"\n)\n";
    auto file = fs::canonical(request.temporary_folder, error) / "go.work";
    if (auto written = env::write_file_atomically(file, text); !written) return std::unexpected(written.error());
    return file;
  }
};

}  // namespace

const Language& go_language() {
  static const Go language;
  return language;
}

}  // namespace thalo::build
