#include "build/toolchain.h"

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <system_error>

#include "build/process.h"
#include "env/files.h"

namespace thalo::build {
namespace {

namespace fs = std::filesystem;
using base::Code;

constexpr std::string_view probe_source = R"(#include <expected>
#include <string>
std::expected<std::string, int> text(int size) { return std::string(static_cast<unsigned>(size), 'x'); }
extern "C" __attribute__((export_name("probe"))) int probe(int size) { return static_cast<int>(text(size)->size()); }
)";

constexpr std::string_view install_help = R"(install one of these:
  Debian, Ubuntu:  apt-get install clang-19 lld-19 libc++-19-dev-wasm32 libc++abi-19-dev-wasm32 libclang-rt-19-dev-wasm32 wasi-libc
  anywhere:        pip install ziglang            (set THALO_PYTHON to the Python that has it, if that is not python3)
  anywhere:        wasi-sdk from https://github.com/WebAssembly/wasi-sdk/releases, and set WASI_SDK_PATH to its folder
or name a compiler for wasm32-wasi in THALO_WASM_CXX)";

// A compiler that may or may not work.
struct Candidate {
  Compiler compiler;
  fs::path program;  // for noticing that it has changed
  bool slow_first_time = false;
};

const std::vector<std::string> common_flags{"-O2", "-std=c++23", "-fno-exceptions", "-fno-rtti",
                                            "-mexec-model=reactor"};

std::vector<std::string> joined(std::vector<std::string> left, const std::vector<std::string>& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

// The stack lies first in memory, so that too deep a recursion traps instead of overwriting data.
Candidate clang(std::string name, const fs::path& program, const std::string& target) {
  const std::vector<std::string> flags{"--target=" + target, "-stdlib=libc++", "-Wl,--strip-all", "-Wl,--stack-first",
                                       "-Wl,-z,stack-size=131072"};
  return {{std::move(name), joined(joined({program.string()}, common_flags), flags)}, program};
}

Candidate zig(std::string name, std::vector<std::string> command, const fs::path& program) {
  const std::vector<std::string> flags{"-target", "wasm32-wasi", "-s", "-Wl,-z,stack-size=131072"};
  return {{std::move(name), joined(joined(std::move(command), common_flags), flags)}, program, true};
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

// The command a user has named: zig by its name, otherwise something that takes clang's flags.
base::Result<std::vector<Candidate>> named_candidates(const CompilerSearch& search) {
  auto words = words_of(search.compiler);
  const auto program = words.empty() ? std::nullopt : find_program(words[0], search.path);
  if (!program) {
    return base::fail(Code::not_found, "the compiler '" + search.compiler +
                                           "' (THALO_WASM_CXX or --compiler) is not there or cannot be run");
  }
  words[0] = program->string();
  if (search.compiler.find("zig") != std::string::npos)
    return std::vector{zig(search.compiler, std::move(words), *program)};
  std::vector<Candidate> candidates;
  for (const auto* target : {"wasm32-wasi", "wasm32-wasip1"}) {
    candidates.push_back(clang(search.compiler, *program, target));
    auto& command = candidates.back().compiler.command;
    command.insert(command.begin() + 1, words.begin() + 1, words.end());
  }
  return candidates;
}

std::vector<Candidate> all_candidates(const CompilerSearch& search) {
  std::vector<Candidate> candidates;
  if (!search.wasi_sdk_path.empty()) {
    const fs::path program = fs::path(search.wasi_sdk_path) / "bin" / "clang++";
    for (const auto* target : {"wasm32-wasip1", "wasm32-wasi"})
      candidates.push_back(clang("wasi-sdk in " + search.wasi_sdk_path, program, target));
  }
  // From 25 down to 17, the first whose <expected> is complete.
  std::vector<std::string> names;
  for (int version = 25; version >= 17; --version) names.push_back("clang++-" + std::to_string(version));
  names.emplace_back("clang++");
  for (const auto& name : names) {
    if (const auto program = find_program(name, search.path))
      candidates.push_back(clang(name, *program, "wasm32-wasi"));
  }
  for (const auto& python : {search.python, std::string("python3")}) {
    if (python.empty()) continue;
    if (const auto program = find_program(python, search.path)) {
      candidates.push_back(zig(python + " -m ziglang", {program->string(), "-m", "ziglang", "c++"}, *program));
    }
  }
  if (const auto program = find_program("zig", search.path))
    candidates.push_back(zig("zig", {program->string(), "c++"}, *program));
  return candidates;
}

// The file that remembers that a candidate worked: named by its command and the program's size and time.
fs::path memory_of(const Candidate& candidate, const fs::path& cache_folder) {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&](const std::string& text) {
    for (const char c : text + '\n') hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  };
  for (const auto& word : candidate.compiler.command) add(word);
  std::error_code error;
  add(std::to_string(fs::file_size(candidate.program, error)));
  add(std::to_string(fs::last_write_time(candidate.program, error).time_since_epoch().count()));
  return cache_folder / "toolchain" / std::to_string(hash);
}

void notify(int fd, const std::string& line) {
  const std::string text = line + "\n";
  [[maybe_unused]] const auto written = ::write(fd, text.data(), text.size());
}

// The line that says what went wrong: the first with "error", else the first.
std::string reason_in(const std::string& output) {
  std::istringstream stream(output);
  std::string first;
  for (std::string line; std::getline(stream, line);) {
    if (first.empty()) first = line;
    if (line.find("error") != std::string::npos || line.find("No module named") != std::string::npos) return line;
  }
  return first.empty() ? "it fails without a message" : first;
}

// Nothing when the candidate compiles and links; otherwise why not.
base::Result<> probe(const Candidate& candidate, const fs::path& cache_folder, int notify_fd) {
  const auto memory = memory_of(candidate, cache_folder);
  std::error_code error;
  if (fs::exists(memory, error)) return {};
  if (::access(candidate.program.c_str(), X_OK) != 0)
    return base::fail(Code::not_found, "there is no " + candidate.program.string());
  if (candidate.slow_first_time && run_process_quietly({joined(candidate.compiler.command, {"--version"})})
                                           .value_or(ProcessResult{1, ""})
                                           .exit_code == 0) {
    notify(notify_fd, "trying " + candidate.compiler.name +
                          "; at its first use it builds its C++ library, which takes about a minute");
  }
  const auto folder = env::make_temporary_folder("thalo-probe");
  if (!folder) return std::unexpected(folder.error());
  const auto source = *folder / "probe.cc";
  auto written = env::write_file_atomically(source, probe_source);
  auto result = written ? run_process_quietly({joined(candidate.compiler.command,
                                                      {source.string(), "-o", (*folder / "probe.wasm").string()})})
                        : base::Result<ProcessResult>(std::unexpected(written.error()));
  fs::remove_all(*folder, error);
  if (!result) return std::unexpected(result.error());
  if (result->exit_code != 0) return base::fail(Code::failed_precondition, reason_in(result->output));
  // Remembering is a convenience: a cache that cannot be written costs a second at each build.
  [[maybe_unused]] const bool remembered =
      env::make_folder(memory.parent_path()) && env::write_file_atomically(memory, candidate.compiler.name + "\n");
  return {};
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

CompilerSearch CompilerSearch::from_environment() {
  CompilerSearch search;
  search.compiler = variable("THALO_WASM_CXX");
  search.wasi_sdk_path = variable("WASI_SDK_PATH");
  search.python = variable("THALO_PYTHON");
  search.path = variable("PATH");
  std::error_code error;
  if (search.wasi_sdk_path.empty() && fs::exists("/opt/wasi-sdk", error)) search.wasi_sdk_path = "/opt/wasi-sdk";
  return search;
}

base::Result<Compiler> find_compiler(const CompilerSearch& search, const fs::path& cache_folder, int notify_fd) {
  std::vector<Candidate> candidates;
  if (search.compiler.empty()) {
    candidates = all_candidates(search);
  } else {
    auto named = named_candidates(search);
    if (!named) return std::unexpected(named.error());
    candidates = std::move(*named);
  }
  std::string tried;
  for (const auto& candidate : candidates) {
    const auto works = probe(candidate, cache_folder, notify_fd);
    if (works) return candidate.compiler;
    tried += "\n  " + candidate.compiler.name + ": " + works.error().message;
  }
  if (!search.compiler.empty()) {
    return base::fail(Code::not_found,
                      "the compiler '" + search.compiler + "' cannot make wasm32-wasi programs in C++23:" + tried);
  }
  return base::fail(Code::not_found, "no C++ compiler for WebAssembly was found; " + std::string(install_help) +
                                         (tried.empty() ? "" : "\ntried without success:" + tried));
}

}  // namespace thalo::build
