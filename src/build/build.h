// What `thalo build` does: an aggregate's sources in, a WebAssembly component out. Any thread; several builds may run
// at once.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "build/componentize.h"
#include "build/toolchain.h"

namespace thalo::build {

struct BuildOptions {
  // A folder with sources, or one source file.
  std::filesystem::path source;
  // As in language.h; empty: found out from the files.
  std::string language;
  // The folder for NAME.wasm; made when missing.
  std::filesystem::path output_folder;
  // The module's name; empty: what the language calls it, usually the name of the folder or file.
  std::string name;
  // Put behind the other flags of the language's tool, e.g. "-DLIMIT=5".
  std::vector<std::string> flags;
  CompilerSearch search = CompilerSearch::from_environment();
  // What is kept between builds; empty: default_cache_folder().
  std::filesystem::path cache_folder;
  // The tool's messages go here, before them what they mean in our words, and a note when something takes long.
  int diagnostics_fd = 2;
};

// An aggregate that was built and checked, not written yet.
struct Built {
  std::string name;  // of the module
  std::string component;
  std::string digest;  // SHA-256, lower-case hex: what the runtime calls this version
  Interfaces interfaces;
  std::string language;  // for people, e.g. "C++"
  std::string tool;      // for people, e.g. "clang++-19"
};

// NOT_FOUND: no sources or no tool, with what to install. INVALID_ARGUMENT: the sources do not compile (the tool has
// said why). FAILED_PRECONDITION: they compile but are no aggregate.
base::Result<Built> compile_aggregate(const BuildOptions& options);

struct BuildOutput {
  std::filesystem::path file;  // OUT/NAME.wasm
  std::size_t size_bytes = 0;
  std::string language;  // as above
  std::string tool;
};

// Writes OUT/NAME.wasm, in one step.
base::Result<std::filesystem::path> write_module(const Built& built, const std::filesystem::path& output_folder);

// The two together.
base::Result<BuildOutput> build_aggregate(const BuildOptions& options);

// $THALO_CACHE, else $XDG_CACHE_HOME/thalo, else ~/.cache/thalo, else a folder below the system's for temporary files.
std::filesystem::path default_cache_folder();

}  // namespace thalo::build
