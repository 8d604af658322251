// Python: componentize-py puts the CPython interpreter and the already loaded aggregate into a component. It is a
// Python package and lives in the cache.
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "build/embedded.h"
#include "build/language.h"
#include "build/process.h"
#include "build/python_names.h"
#include "build/sdk_files.h"
#include "build/tools.h"
#include "env/files.h"

namespace thalo::build {
namespace {

namespace fs = std::filesystem;
using base::Code;

// Run with the tools' folder as the first argument; the rest is componentize-py's own.
constexpr std::string_view run_tool =
    "import sys; sys.path.insert(0, sys.argv.pop(1)); import componentize_py; sys.exit(componentize_py.script())";

// What sdk/python/thalo/guest.py says of an aggregate that cannot be loaded, out of componentize-py's output; empty
// when it says nothing.
std::string_view load_error(std::string_view output) {
  constexpr std::string_view begins = "[thalo: not loaded]\n";
  const auto begin = output.find(begins);
  if (begin == std::string_view::npos) return {};
  const auto report = output.substr(begin + begins.size());
  const auto end = report.find("\n[thalo: end]");
  return end == std::string_view::npos ? std::string_view() : report.substr(0, end);
}

bool is_source(const fs::path& file) {
  const auto stem = file.stem().string();
  return file.extension() == ".py" && !stem.starts_with("test_") && !stem.ends_with("_test") && stem != "conftest";
}

// The file with the aggregate's class; empty when there is none.
fs::path entry_of(const fs::path& source) {
  std::error_code error;
  if (fs::is_regular_file(source, error)) return is_source(source) ? source : fs::path();
  const auto name = fs::canonical(source, error).filename().string();
  for (const auto& file : {name + ".py", "src/" + name + ".py", std::string("main.py"), std::string("src/main.py")}) {
    if (fs::is_regular_file(source / file, error)) return source / file;
  }
  return {};
}

base::Result<fs::path> find_python(const CompilerSearch& search) {
  for (const auto* name : {search.python.c_str(), "python3", "python"}) {
    if (*name == '\0') continue;
    if (const auto found = find_program(name, search.path)) return *found;
  }
  return base::fail(Code::not_found,
                    "no python3 in PATH: aggregates in Python are built with Python 3.11 or newer and its pip; install "
                    "them with `apt-get install python3 python3-pip` or from your system's packages");
}

base::Result<fs::path> find_tools(const CompileRequest& request, const fs::path& python) {
  const auto list = embedded_folder("python/build/", request.cache_folder);
  if (!list) return std::unexpected(list.error());
  return install_once(
      *list / "tools", "componentize-py", request.diagnostics_fd, [&](const fs::path& fresh) -> base::Result<> {
        const auto done = run_process({{python.string(), "-m", "pip", "install", "--quiet",
                                        "--disable-pip-version-check", "--no-warn-script-location", "--requirement",
                                        (*list / "requirements.txt").string(), "--target", fresh.string()}},
                                      request.diagnostics_fd);
        if (!done) return std::unexpected(done.error());
        if (done->exit_code != 0)
          return base::fail(Code::unavailable,
                            "pip could not install it; " + python.string() + " -m pip says why above");
        return {};
      });
}

class Python final : public Language {
 public:
  std::string_view name() const override { return "python"; }
  std::string_view title() const override { return "Python"; }
  std::string_view recognised_by() const override { return "NAME.py or main.py, in it or its src/"; }

  Match match(const fs::path& source) const override {
    if (entry_of(source).empty()) return Match::none;
    std::error_code error;
    return fs::is_regular_file(source / "pyproject.toml", error) ? Match::manifest : Match::script;
  }

  base::Result<Compiled> compile(const CompileRequest& request) const override {
    const auto python = find_python(request.search);
    if (!python) return std::unexpected(python.error());
    const auto tools = find_tools(request, *python);
    if (!tools) return std::unexpected(tools.error());
    const auto sdk = embedded_folder("python/", request.cache_folder);
    if (!sdk) return std::unexpected(sdk.error());

    const auto entry = entry_of(request.source);
    const std::string module = entry.stem().string();
    if (is_taken_in_python(module)) {
      return base::fail(Code::invalid_argument,
                        entry.string() + ": a module cannot be called " + module + ", which is taken; rename the file");
    }
    const auto start = request.temporary_folder / "start";
    if (auto written = write_start(request, start, module); !written) return std::unexpected(written.error());
    const auto component = request.temporary_folder / "component.wasm";
    std::error_code error;
    const auto folder = fs::canonical(entry, error).parent_path();
    std::vector<std::string> command{python->string(),
                                     "-c",
                                     std::string(run_tool),
                                     tools->string(),
                                     "-d",
                                     (request.temporary_folder / "aggregate.wit").string(),
                                     "-w",
                                     "component",
                                     "componentize",
                                     "thalo_start",
                                     "-s",
                                     "-p",
                                     start.string(),
                                     "-p",
                                     sdk->string(),
                                     "-p",
                                     folder.string(),
                                     "-o",
                                     component.string()};
    command.insert(command.end(), request.flags.begin(), request.flags.end());
    const auto done = run_process_quietly({command});
    if (!done) return std::unexpected(done.error());
    if (done->exit_code != 0) {
      if (const auto report = load_error(done->output); !report.empty()) {
        return base::fail(Code::failed_precondition,
                          entry.string() + " cannot be loaded:\n" + std::string(report) + "\n");
      }
      return base::fail(Code::failed_precondition,
                        entry.string() + " is no aggregate, or fails when it is loaded:\n" + done->output);
    }
    auto wasm = env::read_file(component);
    if (!wasm) return std::unexpected(wasm.error());
    return Compiled{*std::move(wasm), "componentize-py"};
  }

  bool watches(const fs::path& file) const override { return is_source(file); }
  bool is_output_folder(const fs::path& folder) const override {
    std::error_code error;
    const auto name = folder.filename();
    return name == "__pycache__" || name == "build" || name == "dist" || fs::exists(folder / "pyvenv.cfg", error);
  }

 private:
  // componentize-py wants the interface's functions in the start module and its resource in one named after it.
  static base::Result<> write_start(const CompileRequest& request, const fs::path& folder, const std::string& module) {
    if (auto made = env::make_folder(folder); !made) return made;
    const std::string start = "from thalo.guest import Aggregate, start\n\nstart(\"" + module + "\")\n";
    if (auto written = env::write_file_atomically(folder / "thalo_start.py", start); !written) return written;
    if (auto written = env::write_file_atomically(folder / "aggregate.py", "from thalo.guest import Entity\n");
        !written)
      return written;
    return env::write_file_atomically(request.temporary_folder / "aggregate.wit", embedded_file("wit/aggregate.wit"));
  }
};

}  // namespace

const Language& python_language() {
  static const Python language;
  return language;
}

}  // namespace thalo::build
