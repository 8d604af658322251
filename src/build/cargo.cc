#include "build/cargo.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string_view>
#include <system_error>

#include "build/process.h"
#include "build/temporary_folder.h"
#include "env/files.h"

namespace thalo::build {
namespace {

namespace fs = std::filesystem;
using base::Code;

// Without an operating system first: it imports nothing. What the other one imports the preview1 adapter answers.
constexpr const char* targets[] = {"wasm32-unknown-unknown", "wasm32-wasip1"};

constexpr std::string_view install_help = R"(install one of these:
  anywhere:        rustup from https://rustup.rs, then: rustup target add wasm32-unknown-unknown
  Debian, Ubuntu:  apt-get install rustc-web cargo-web rust-web-src lld-19)";

// A cargo and the rustc beside it.
struct Pair {
  fs::path cargo;
  fs::path rustc;
};

std::vector<Pair> pairs_in(const std::string& path) {
  std::vector<Pair> pairs;
  std::istringstream folders(path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    const Pair pair{fs::path(folder) / "cargo", fs::path(folder) / "rustc"};
    const bool known = std::ranges::any_of(pairs, [&](const Pair& other) { return other.cargo == pair.cargo; });
    if (!folder.empty() && !known && ::access(pair.cargo.c_str(), X_OK) == 0 && ::access(pair.rustc.c_str(), X_OK) == 0)
      pairs.push_back(pair);
  }
  return pairs;
}

// What `rustc arguments…` prints, without the end of the line; empty when it fails.
std::string ask(const Pair& pair, const fs::path& folder, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), pair.rustc.string());
  auto result = run_process_quietly({std::move(arguments), {}, folder});
  if (!result || result->exit_code != 0) return "";
  return result->output.substr(0, result->output.find('\n'));
}

// Debian's rustc comes without the linker that rustup's has.
std::optional<fs::path> find_linker(const std::string& path) {
  for (int version = 25; version >= 14; --version) {
    if (auto linker = find_program("wasm-ld-" + std::to_string(version), path)) return linker;
  }
  return find_program("wasm-ld", path);
}

base::Result<CargoToolchain> try_pair(const Pair& pair, const std::string& path, const fs::path& folder) {
  const auto version = ask(pair, folder, {"--version"});
  if (version.empty()) return base::fail(Code::not_found, pair.rustc.string() + " fails");
  CargoToolchain toolchain;
  toolchain.cargo = pair.cargo;
  toolchain.name = "cargo, " + version.substr(0, version.find(' ', version.find(' ') + 1));
  toolchain.environment = {{"RUSTC", pair.rustc.string()}};
  const auto linker = find_linker(path);
  auto target = choose_target(ask(pair, folder, {"--print", "sysroot"}), linker.has_value());
  if (!target) return std::unexpected(target.error());
  toolchain.target = target->name;
  if (!target->builds_std) return toolchain;
  toolchain.builds_std = true;
  toolchain.flags = {"-Zbuild-std=std,panic_abort"};
  toolchain.environment.emplace_back("RUSTC_BOOTSTRAP", "1");
  toolchain.environment.emplace_back("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker->string());
  return toolchain;
}

std::optional<std::string> library_file(const nlohmann::json& package) {
  for (const auto& target : package.at("targets")) {
    const auto kinds = target.at("kind").get<std::vector<std::string>>();
    const bool is_library = std::ranges::any_of(kinds, [](const std::string& kind) { return kind.ends_with("lib"); });
    if (!is_library) continue;
    auto file = target.at("name").get<std::string>();
    std::ranges::replace(file, '-', '_');
    return file + ".wasm";
  }
  return std::nullopt;
}

std::vector<CargoPackage> packages_in(const nlohmann::json& metadata) {
  std::vector<CargoPackage> packages;
  for (const auto& package : metadata.at("packages")) {
    packages.push_back({package.at("name").get<std::string>(),
                        fs::path(package.at("manifest_path").get<std::string>()).parent_path(), library_file(package)});
  }
  return packages;
}

}  // namespace

base::Result<CargoTarget> choose_target(const fs::path& sysroot, bool has_linker) {
  const auto rustlib = sysroot / "lib" / "rustlib";
  const auto exists = [](const fs::path& path) {
    std::error_code error;
    return fs::exists(path, error);
  };
  for (const auto* target : targets) {
    if (exists(rustlib / target / "lib")) return CargoTarget{target, false};
  }
  const bool sources = exists(rustlib / "src" / "rust" / "library" / "std" / "Cargo.toml");
  if (sources && has_linker) return CargoTarget{targets[0], true};
  if (exists(rustlib / "wasm32-wasip2" / "lib")) {
    return base::fail(
        Code::not_found,
        "of its targets for WebAssembly only wasm32-wasip2 is installed, whose modules import WASI, which "
        "an aggregate may not; run: rustup target add wasm32-unknown-unknown");
  }
  return base::fail(Code::not_found,
                    sources ? "no wasm-ld, the linker of LLVM"
                            : "neither the target wasm32-unknown-unknown nor the standard library's sources");
}

base::Result<CargoToolchain> find_cargo(const std::string& path, const fs::path& folder) {
  std::string tried;
  for (const auto& pair : pairs_in(path)) {
    auto toolchain = try_pair(pair, path, folder);
    if (toolchain) return toolchain;
    tried += "\n  " + pair.cargo.string() + ": " + toolchain.error().message;
  }
  return base::fail(Code::not_found, "no Rust for WebAssembly was found; " + std::string(install_help) +
                                         (tried.empty() ? "" : "\ntried without success:" + tried));
}

base::Result<std::vector<CargoPackage>> cargo_packages(const std::string& path, const fs::path& folder,
                                                       int diagnostics_fd) {
  const auto pairs = pairs_in(path);
  if (pairs.empty()) return base::fail(Code::unavailable, "no cargo was found; " + std::string(install_help));
  auto temporary = TemporaryFolder::make("thalo-cargo");
  if (!temporary) return std::unexpected(temporary.error());
  const auto file = temporary->path() / "metadata.json";
  // Its answer is longer than what run_process_quietly keeps, so it goes to a file; what it has to say to people, not.
  const auto result = run_process({{"/bin/sh", "-c", "exec \"$0\" metadata --no-deps --format-version 1 > \"$1\"",
                                    pairs[0].cargo.string(), file.string()},
                                   {},
                                   folder},
                                  diagnostics_fd);
  if (!result) return std::unexpected(result.error());
  if (result->exit_code != 0) {
    return base::fail(Code::unavailable, "cargo cannot read the project in " + folder.string() + "; it says why above");
  }
  const auto text = env::read_file(file);
  if (!text) return std::unexpected(text.error());
  try {
    return packages_in(nlohmann::json::parse(*text));
  } catch (const nlohmann::json::exception& error) {
    return base::fail(Code::internal,
                      std::string("`cargo metadata` answers something else than expected: ") + error.what());
  }
}

}  // namespace thalo::build
