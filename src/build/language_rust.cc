// Rust: cargo builds the package's library as a cdylib. Everybody's objects share one folder of the cache, so that the
// standard library and the SDK are compiled once.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "build/cargo.h"
#include "build/language.h"
#include "build/process.h"
#include "build/tools.h"
#include "env/files.h"

namespace thalo::build {
namespace {

namespace fs = std::filesystem;
using base::Code;

// The name under which export_aggregate! exports the making of an entity.
constexpr std::string_view export_mark = "thalo:aggregate/aggregate@1.0.0#[constructor]entity";

constexpr std::uintmax_t objects_bytes_max = std::uintmax_t{2} << 30;

// Two packages of one name have one file in the shared folder: whoever holds the lock builds and takes the file out.
class Lock {
 public:
  static base::Result<Lock> take(const fs::path& file) {
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return failed(file);
    Lock lock(fd);
    while (::flock(fd, LOCK_EX) != 0) {
      if (errno != EINTR) return failed(file);
    }
    return lock;
  }
  Lock(Lock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  ~Lock() {
    if (fd_ >= 0) ::close(fd_);
  }

 private:
  explicit Lock(int fd) : fd_(fd) {}
  static std::unexpected<base::Error> failed(const fs::path& file) {
    return base::fail(Code::unavailable,
                      "cannot lock " + file.string() + ": " + std::generic_category().message(errno));
  }
  int fd_;
};

fs::path folder_of(const fs::path& source) {
  const auto folder = source.filename() == "Cargo.toml" ? source.parent_path() : source;
  return folder.empty() ? fs::path(".") : folder;
}

// The package in `folder`, which has a library.
base::Result<CargoPackage> package_in(const std::vector<CargoPackage>& packages, const fs::path& folder) {
  std::error_code error;
  const auto absolute = fs::canonical(folder, error);
  std::string names;
  for (const auto& package : packages) {
    names += (names.empty() ? "" : ", ") + package.name;
    if (fs::canonical(package.folder, error) != absolute) continue;
    if (package.library_file) return package;
    return base::fail(Code::failed_precondition,
                      "the package " + package.name + " has no library: an aggregate stands in src/lib.rs");
  }
  return base::fail(Code::failed_precondition,
                    folder.string() + " is a workspace; say which of its packages: " + names);
}

std::vector<std::string> build_command(const CargoToolchain& cargo, const CargoPackage& package,
                                       const std::vector<std::string>& flags) {
  std::vector<std::string> command{cargo.cargo.string(), "rustc",     "--release", "--lib",
                                   "--crate-type",       "cdylib",    "--package", package.name,
                                   "--target",           cargo.target};
  command.insert(command.end(), cargo.flags.begin(), cargo.flags.end());
  command.insert(command.end(), flags.begin(), flags.end());
  // The stack lies first in memory, so that too deep a recursion traps instead of overwriting data; rustc's own size of
  // a megabyte would be in every instance.
  command.insert(command.end(),
                 {"--", "-Clink-arg=--strip-all", "-Clink-arg=--stack-first", "-Clink-arg=-zstack-size=131072"});
  return command;
}

// Cargo gives the library of a package no name of its own beyond the package's, so the file may be another package's
// that cargo would take for this one's: then it goes. Which package it is of is noted beside it.
base::Result<> make_own(const fs::path& output, const fs::path& package) {
  auto note = output;
  note += ".package";
  std::error_code error;
  const auto folder = fs::canonical(package, error).string();
  if (env::read_file(note).value_or("") == folder) return {};
  fs::remove(output, error);
  fs::remove(output.parent_path() / "deps" / output.filename(), error);
  if (auto made = env::make_folder(output.parent_path()); !made) return made;
  return env::write_file_atomically(note, folder);
}

class Rust final : public Language {
 public:
  std::string_view name() const override { return "rust"; }
  std::string_view title() const override { return "Rust"; }
  std::string_view recognised_by() const override { return "Cargo.toml"; }

  Match match(const fs::path& source) const override {
    std::error_code error;
    return fs::is_regular_file(folder_of(source) / "Cargo.toml", error) ? Match::manifest : Match::none;
  }

  std::string module_name(const fs::path& source) const override {
    // The name of the package is that of its folder nearly always; where it is not, Cargo.toml has it.
    auto name = Language::module_name(folder_of(source));
    const auto text = env::read_file(folder_of(source) / "Cargo.toml").value_or("");
    const auto package = text.find("[package]");
    const auto key = package == std::string::npos ? package : text.find("\nname", package);
    const auto open = key == std::string::npos ? key : text.find('"', key);
    const auto close = open == std::string::npos ? open : text.find('"', open + 1);
    if (close != std::string::npos) name = text.substr(open + 1, close - open - 1);
    std::ranges::replace(name, '-', '_');
    return name;
  }

  std::optional<fs::path> member(const fs::path& workspace, const std::string& name) const override {
    if (match(workspace) == Match::none) return std::nullopt;
    const auto packages = cargo_packages(CompilerSearch::from_environment().path, workspace, STDERR_FILENO);
    if (!packages) return std::nullopt;
    const auto found = std::ranges::find(*packages, name, &CargoPackage::name);
    return found == packages->end() ? std::nullopt : std::optional(found->folder);
  }

  base::Result<Compiled> compile(const CompileRequest& request) const override {
    const auto folder = folder_of(request.source);
    const auto cargo = find_cargo(request.search.path, folder);
    if (!cargo) return std::unexpected(cargo.error());
    const auto packages = cargo_packages(request.search.path, folder, request.diagnostics_fd);
    if (!packages) return std::unexpected(packages.error());
    const auto package = package_in(*packages, folder);
    if (!package) return std::unexpected(package.error());

    const auto cache = request.cache_folder / "rust";
    if (auto made = env::make_folder(cache); !made) return std::unexpected(made.error());
    const auto lock = Lock::take(cache / "lock");
    if (!lock) return std::unexpected(lock.error());
    // Cargo never removes what an older compiler or package left.
    if (remove_when_larger(cache / "target", objects_bytes_max))
      notify(request.diagnostics_fd, (cache / "target").string() + " had grown too large; it is made anew");
    return build(request, *cargo, *package, cache);
  }

  bool watches(const fs::path& file) const override {
    return file.extension() == ".rs" || file.filename() == "Cargo.toml" || file.filename() == "Cargo.lock";
  }
  bool is_output_folder(const fs::path& folder) const override {
    std::error_code error;
    return fs::exists(folder / "CACHEDIR.TAG", error);
  }

 private:
  static base::Result<Compiled> build(const CompileRequest& request, const CargoToolchain& cargo,
                                      const CargoPackage& package, const fs::path& cache) {
    const auto objects = fs::absolute(cache / "target");
    const auto output = objects / cargo.target / "release" / *package.library_file;
    std::error_code error;
    if (cargo.builds_std && !fs::exists(output.parent_path(), error))
      notify(request.diagnostics_fd,
             "at its first use cargo builds Rust's standard library, which takes about a minute");
    if (const auto own = make_own(output, package.folder); !own) return std::unexpected(own.error());
    auto environment = cargo.environment;
    environment.emplace_back("CARGO_TARGET_DIR", objects.string());
    const auto result = run_process({build_command(cargo, package, request.flags), environment, package.folder},
                                    request.diagnostics_fd);
    if (!result) return std::unexpected(result.error());
    if (result->exit_code != 0) {
      return base::fail(Code::invalid_argument,
                        "compiling the package " + package.name + " failed; cargo says why above");
    }
    auto module = env::read_file(output);
    if (!module) return std::unexpected(module.error());
    if (module->find(export_mark) == std::string::npos) {
      return base::fail(Code::failed_precondition, "nothing in the package " + package.name +
                                                       " is exported: put the line export_aggregate!(YourAggregate); "
                                                       "into its src/lib.rs");
    }
    return Compiled{*std::move(module), cargo.name};
  }
};

}  // namespace

const Language& rust_language() {
  static const Rust language;
  return language;
}

}  // namespace thalo::build
