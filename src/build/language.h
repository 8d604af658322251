// The languages that `thalo build` knows. A language is one file, language_NAME.cc, that implements the interface below
// and has its line in language.cc; everything else (finding, watching, componentizing, checking, writing) is shared.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "build/toolchain.h"

namespace thalo::build {

// How sure a language is that a folder or file is an aggregate of its own. The surest language gets it.
enum class Match : std::uint8_t {
  none,
  script,   // files that other projects also have, e.g. *.py beside a C++ aggregate
  sources,  // files of the language, e.g. *.cc
  manifest  // the project file of its usual tool, e.g. Cargo.toml
};

struct CompileRequest {
  // A folder or a file that the language matches, as the user wrote it.
  std::filesystem::path source;
  // The module's name.
  std::string name;
  // Put behind the flags of the tool.
  std::vector<std::string> flags;
  // Where tools are looked for.
  CompilerSearch search;
  // Kept between builds: unpacked SDKs, object files, what was found out about tools. A language makes its own folder
  // in it, made to be used by several builds at once. Nothing is written into the user's folder but what the language's
  // own tool always writes there (Cargo.lock, node_modules).
  std::filesystem::path cache_folder;
  // An empty folder for this build, removed after it.
  std::filesystem::path temporary_folder;
  // What the tool prints goes here as it comes; so does a line before something that takes long.
  int diagnostics_fd = 2;
};

struct Compiled {
  // A core module for wasm32-wasi that exports wit/aggregate.wit's functions by their canonical names or carries the
  // metadata of wit-bindgen (it gets the preview1 adapter and is componentized), or a whole component (taken as it is).
  std::string wasm;
  std::string tool;  // for people, e.g. "clang++-19"
};

// Stateless; any thread.
class Language {
 public:
  virtual ~Language() = default;

  // As in `thalo new --lang`: the name of the folder in templates/, e.g. "cpp".
  virtual std::string_view name() const = 0;
  virtual std::string_view title() const = 0;  // e.g. "C++"
  // What it is recognised by, for messages, e.g. "*.cc, *.cpp, *.cxx".
  virtual std::string_view recognised_by() const = 0;

  // Whether `source`, an existing folder or file, is an aggregate in this language. Looks at names, or into one small
  // file; runs nothing.
  virtual Match match(const std::filesystem::path& source) const = 0;
  // The module's name when the user gives none; `source` matches. By default the folder's or file's own.
  virtual std::string module_name(const std::filesystem::path& source) const;
  // The folder of the package `name` in the workspace that the language's own tool knows in `workspace` (relative to it
  // or absolute), e.g. a member of a Cargo workspace.
  virtual std::optional<std::filesystem::path> member(const std::filesystem::path& workspace,
                                                      const std::string& name) const;

  // NOT_FOUND: no tool, with what to install. INVALID_ARGUMENT: it does not compile (the tool has said why).
  // FAILED_PRECONDITION: it compiles but is no aggregate, with what to write.
  virtual base::Result<Compiled> compile(const CompileRequest& request) const = 0;

  // Whether a change of this file changes the module: for `--watch`. A path below the source folder.
  virtual bool watches(const std::filesystem::path& file) const = 0;
  // A folder with nothing of the user's in it, e.g. "target", "node_modules": not watched. Hidden ones never are.
  virtual bool is_output_folder(const std::filesystem::path& folder) const;
};

// All of them, in the order in which they are told.
std::span<const Language* const> languages();
// By its name or a usual other one ("c++", "js"); null when there is none.
const Language* find_language(std::string_view name);

// The language of `source`. `name` empty: the surest match; otherwise that language. NOT_FOUND: no such folder or no
// language matches. INVALID_ARGUMENT: an unknown name, or sources that are not of the named language.
// FAILED_PRECONDITION: several match equally.
base::Result<const Language*> language_of(const std::filesystem::path& source, std::string_view name = {});

// Each language's own file defines its function.
const Language& cpp_language();
const Language& rust_language();
const Language& c_language();
const Language& javascript_language();
const Language& typescript_language();
const Language& go_language();
const Language& python_language();

}  // namespace thalo::build
