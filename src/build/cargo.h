// Cargo: which one can build for WebAssembly here, and what it knows of a workspace. Any thread.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace thalo::build {

// A cargo with its rustc, and how it builds for WebAssembly.
struct CargoToolchain {
  std::string name;  // for people, e.g. "cargo, rustc 1.96.0"
  std::filesystem::path cargo;
  std::string target;                                            // e.g. "wasm32-unknown-unknown"
  std::vector<std::string> flags;                                // for cargo, beside --target
  std::vector<std::pair<std::string, std::string>> environment;  // what cargo must find set
  // The standard library is compiled with the project, which takes about a minute at first.
  bool builds_std = false;
};

// How a rustc builds for WebAssembly.
struct CargoTarget {
  std::string name;  // e.g. "wasm32-unknown-unknown"
  bool builds_std = false;
};

// What the rustc with this sysroot (`rustc --print sysroot`) can build for, the best first: a target whose standard
// library is there, or the library's sources when `has_linker`. Looks at the folders only. NOT_FOUND says what is
// missing; wasm32-wasip2 does not do, for what it makes imports WASI.
base::Result<CargoTarget> choose_target(const std::filesystem::path& sysroot, bool has_linker);

// The first in the folders of `path` ($PATH's form) that has the standard library for a WebAssembly target without an
// operating system, or its sources and a linker. `folder`: where it is to run, because rustup chooses by folder.
// NOT_FOUND lists what was tried and what to install.
base::Result<CargoToolchain> find_cargo(const std::string& path, const std::filesystem::path& folder);

struct CargoPackage {
  std::string name;
  std::filesystem::path folder;
  // The file of its library when built as a cdylib, e.g. "counter.wasm"; none: it has no library.
  std::optional<std::string> library_file;
};

// The packages of the workspace that `folder` is in. UNAVAILABLE: no cargo in `path`, or it fails (it says why on
// `diagnostics_fd`).
base::Result<std::vector<CargoPackage>> cargo_packages(const std::string& path, const std::filesystem::path& folder,
                                                       int diagnostics_fd);

}  // namespace thalo::build
