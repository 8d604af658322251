// JavaScript and TypeScript: esbuild makes one module of the aggregate and the SDK, componentize-qjs puts it, already
// started, into a component with the QuickJS engine. Both tools are npm packages and live in the cache.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "build/embedded.h"
#include "build/language.h"
#include "build/process.h"
#include "build/sdk_files.h"
#include "build/tools.h"
#include "env/files.h"

namespace thalo::build {
namespace {

namespace fs = std::filesystem;
using base::Code;

constexpr std::string_view node_missing =
    "no npm in PATH: JavaScript and TypeScript aggregates are built with Node.js 20 or newer and its npm; install them "
    "with `apt-get install nodejs npm` or from your system's packages";

bool is_test(const fs::path& file) {
  const auto stem = file.stem().string();
  return stem.ends_with(".test") || stem.ends_with(".spec") || stem.ends_with(".d");
}

// One of the two; they share everything but the extensions of their files.
struct Dialect {
  std::string_view name;
  std::string_view title;
  std::string_view signs;
  std::array<std::string_view, 3> extensions;

  bool owns(const fs::path& file) const {
    return std::ranges::find(extensions, file.extension().string()) != extensions.end() && !is_test(file);
  }
};

constexpr Dialect javascript{"javascript",
                             "JavaScript",
                             "NAME.js or index.js, in it or its src/, or the main of package.json",
                             {".js", ".mjs", ".jsx"}};
constexpr Dialect typescript{"typescript",
                             "TypeScript",
                             "NAME.ts or index.ts, in it or its src/, or the main of package.json",
                             {".ts", ".mts", ".tsx"}};

// The `main` of a package.json that has one; a whole reader is not needed to find one string.
std::string main_of(const fs::path& folder) {
  const auto text = env::read_file(folder / "package.json", std::size_t{1} << 20);
  if (!text) return {};
  const auto key = text->find("\"main\"");
  if (key == std::string::npos) return {};
  const auto begin = text->find('"', text->find(':', key));
  const auto end = begin == std::string::npos ? begin : text->find('"', begin + 1);
  return end == std::string::npos ? std::string() : text->substr(begin + 1, end - begin - 1);
}

// The file whose default export is the aggregate's class; empty when there is none.
fs::path entry_of(const fs::path& source, const Dialect& dialect) {
  std::error_code error;
  if (fs::is_regular_file(source, error)) return dialect.owns(source) ? source : fs::path();
  if (const auto main = main_of(source); !main.empty())
    return dialect.owns(main) && fs::is_regular_file(source / main, error) ? source / main : fs::path();
  const auto name = fs::canonical(source, error).filename().string();
  for (const auto& stem : {name, "src/" + name, std::string("index"), std::string("src/index")}) {
    for (const auto extension : dialect.extensions) {
      auto file = source / (stem + std::string(extension));
      if (fs::is_regular_file(file, error)) return file;
    }
  }
  return {};
}

base::Result<fs::path> find_tools(const CompileRequest& request) {
  const auto manifest = embedded_folder("javascript/build/", request.cache_folder);
  if (!manifest) return std::unexpected(manifest.error());
  return install_once(
      *manifest / "tools", "esbuild and componentize-qjs", request.diagnostics_fd,
      [&](const fs::path& fresh) -> base::Result<> {
        std::error_code error;
        for (const auto* file : {"package.json", "package-lock.json"}) {
          fs::copy_file(*manifest / file, fresh / file, error);
          if (error) return base::fail(Code::unavailable, "cannot write " + fresh.string() + ": " + error.message());
        }
        const auto npm = find_program("npm", request.search.path);
        if (!npm) return base::fail(Code::not_found, std::string(node_missing));
        const auto done = run_process({{npm->string(), "ci", "--ignore-scripts", "--no-audit", "--no-fund"}, {}, fresh},
                                      request.diagnostics_fd);
        if (!done) return std::unexpected(done.error());
        if (done->exit_code != 0) return base::fail(Code::unavailable, "npm could not install them; it says why above");
        return {};
      });
}

// A package's file, installed for a project as Node.js finds it: in its folder or one above. Empty: it is not.
fs::path installed(const fs::path& project, std::string_view file) {
  std::error_code error;
  for (auto folder = fs::canonical(project, error); !folder.empty(); folder = folder.parent_path()) {
    if (auto found = folder / "node_modules" / file; fs::is_regular_file(found, error)) return found;
    if (folder == folder.parent_path()) break;
  }
  return {};
}

// Of a project that says what TypeScript is to check and has it, with the SDK's types; esbuild only takes types away.
base::Result<> check_types(const CompileRequest& request, const fs::path& node) {
  std::error_code error;
  if (!fs::is_regular_file(request.source / "tsconfig.json", error)) return {};
  const auto compiler = installed(request.source, "typescript/lib/tsc.js");
  if (compiler.empty() || installed(request.source, "@thalo/aggregate/package.json").empty()) {
    notify(request.diagnostics_fd,
           "the types are not checked: TypeScript and the SDK are not in node_modules, where `npm test` puts them");
    return {};
  }
  const auto done = run_process({{node.string(), compiler.string(), "--noEmit", "--project", request.source.string()}},
                                request.diagnostics_fd);
  if (!done) return std::unexpected(done.error());
  if (done->exit_code == 0) return {};
  return base::fail(Code::invalid_argument,
                    "the types in " + request.source.string() + " are not right; TypeScript says why above");
}

std::string quoted(const fs::path& path) {
  std::string out = "\"";
  for (const char c : path.string()) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

class JavaScript final : public Language {
 public:
  explicit JavaScript(const Dialect& dialect) : dialect_(dialect) {}
  std::string_view name() const override { return dialect_.name; }
  std::string_view title() const override { return dialect_.title; }
  std::string_view recognised_by() const override { return dialect_.signs; }

  Match match(const fs::path& source) const override {
    if (entry_of(source, dialect_).empty()) return Match::none;
    std::error_code error;
    if (fs::is_regular_file(source, error)) return Match::sources;
    return fs::is_regular_file(source / "package.json", error) ? Match::manifest : Match::script;
  }

  base::Result<Compiled> compile(const CompileRequest& request) const override {
    const auto entry = entry_of(request.source, dialect_);
    const auto node = find_program("node", request.search.path);
    if (!node) return base::fail(Code::not_found, std::string(node_missing));
    const auto tools = find_tools(request);
    if (!tools) return std::unexpected(tools.error());
    const auto sdk = embedded_folder("javascript/", request.cache_folder);
    if (!sdk) return std::unexpected(sdk.error());

    if (auto right = check_types(request, *node); !right) return std::unexpected(right.error());
    const auto module = bundle(request, entry, *sdk, *tools);
    if (!module) return std::unexpected(module.error());
    const auto component = request.temporary_folder / "component.wasm";
    const auto wit = request.temporary_folder / "aggregate.wit";
    if (auto written = env::write_file_atomically(wit, embedded_file("wit/aggregate.wit")); !written)
      return std::unexpected(written.error());
    const auto made =
        run_process_quietly({{node->string(), (*tools / "node_modules/componentize-qjs/bin/componentize-qjs").string(),
                              "--wit", wit.string(), "--world", "component", "--js", module->string(), "--output",
                              component.string(), "--stub-wasi", "--sync"}});
    if (!made) return std::unexpected(made.error());
    if (made->exit_code != 0) {
      return base::fail(Code::failed_precondition,
                        entry.string() + " is no aggregate, or fails where it begins: " + made->output);
    }
    auto wasm = env::read_file(component);
    if (!wasm) return std::unexpected(wasm.error());
    return Compiled{*std::move(wasm), "componentize-qjs"};
  }

  bool watches(const fs::path& file) const override {
    return (javascript.owns(file) || typescript.owns(file) || file.extension() == ".json") && !is_test(file);
  }
  bool is_output_folder(const fs::path& folder) const override {
    const auto name = folder.filename();
    return name == "node_modules" || name == "dist" || name == "coverage";
  }

 private:
  base::Result<fs::path> bundle(const CompileRequest& request, const fs::path& entry, const fs::path& sdk,
                                const fs::path& tools) const {
    std::error_code error;
    const auto start = request.temporary_folder / "start.mjs";
    const std::string text = "import { guest } from " + quoted(sdk / "src/guest.js") + ";\nimport * as module from " +
                             quoted(fs::canonical(entry, error)) +
                             ";\nexport const aggregate = guest(module.default);\n";
    if (auto written = env::write_file_atomically(start, text); !written) return std::unexpected(written.error());
    auto output = request.temporary_folder / "module.js";
    // The SDK is always the one of this program, whatever copy the tests of the aggregate use.
    std::vector<std::string> command{(tools / "node_modules/.bin/esbuild").string(),
                                     start.string(),
                                     "--bundle",
                                     "--format=esm",
                                     "--platform=neutral",
                                     "--main-fields=module,main",
                                     "--target=es2022",
                                     "--keep-names",
                                     "--log-level=warning",
                                     "--external:thalo:*",
                                     "--alias:@thalo/aggregate=" + (sdk / "src/index.js").string(),
                                     "--outfile=" + output.string()};
    command.insert(command.end(), request.flags.begin(), request.flags.end());
    const auto done = run_process({command}, request.diagnostics_fd);
    if (!done) return std::unexpected(done.error());
    if (done->exit_code != 0)
      return base::fail(Code::invalid_argument, "bundling " + entry.string() + " failed; esbuild says why above");
    return output;
  }

  const Dialect& dialect_;
};

}  // namespace

const Language& javascript_language() {
  static const JavaScript language(javascript);
  return language;
}
const Language& typescript_language() {
  static const JavaScript language(typescript);
  return language;
}

}  // namespace thalo::build
