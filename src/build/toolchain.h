// Finding a C++ compiler that makes wasm32-wasi modules.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace thalo::build {

// Where to look. Empty strings are not looked at.
struct CompilerSearch {
  std::string
      compiler;  // a command that is used without looking further, e.g. "clang++-19" or "python3 -m ziglang c++"
  std::string wasi_sdk_path;  // the folder of a wasi-sdk
  std::string python;         // a Python that may have the package ziglang
  std::string path;           // folders with programs, as in $PATH

  // From $THALO_WASM_CXX, $WASI_SDK_PATH (else /opt/wasi-sdk), $THALO_PYTHON and $PATH.
  static CompilerSearch from_environment();
};

struct Compiler {
  std::string name;  // for people
  std::vector<std::string>
      command;  // the program and the flags that make it compile and link a reactor for wasm32-wasi
};

// The first compiler that has really linked a small C++23 program; that it did is remembered in `cache_folder` until
// the program changes. `notify_fd` gets a line before something that takes long. NOT_FOUND lists what was tried and
// what to install.
base::Result<Compiler> find_compiler(const CompilerSearch& search, const std::filesystem::path& cache_folder,
                                     int notify_fd);

}  // namespace thalo::build
