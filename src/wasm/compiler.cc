#include "wasm/compiler.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <new>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "wasm/engine_core.h"
#include "wasm/trap.h"

namespace thalo::wasm {
namespace {

using base::Code;
using base::fail;
using base::fail_for_good;

constexpr std::size_t artifact_bytes_max = std::size_t{1} << 30;
constexpr std::size_t error_text_bytes_max = std::size_t{64} << 10;

// How the child ends when it knows why; codes that shells and sanitizers do not use.
constexpr int exit_refused = 65;
constexpr int exit_out_of_memory = 71;
constexpr int exit_failed = 70;
constexpr int exit_unavailable = 75;

std::string reason() { return std::generic_category().message(errno); }

// What the compiled code begins with: it is of this very engine, and whole.
std::string header(std::size_t artifact_bytes) {
  return EngineCore::fingerprint() + "\n" + std::to_string(artifact_bytes) + "\n";
}

// As many as this process may use: of the machine's, and of its container's share of their time (cgroup v2).
int cores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  int count = ::sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
  std::ifstream share("/sys/fs/cgroup/cpu.max");
  if (double quota = 0, period = 0; share >> quota >> period && period > 0)  // `max` of it: no limit
    count = std::clamp(static_cast<int>(quota / period), 1, count);
  return count;
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() { close(); }

  int get() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  // Above those that the child gets as its standard ones.
  Descriptor above_standard() && {
    return fd_ > STDERR_FILENO ? std::move(*this) : Descriptor(::fcntl(fd_, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  }

 private:
  int fd_;
};

bool write_whole(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

// The content of a file in memory; no value when it has more than `bytes_max` or cannot be read.
std::optional<std::string> read_whole(int fd, std::size_t bytes_max) {
  struct stat status{};
  if (::fstat(fd, &status) != 0 || status.st_size < 0 || static_cast<std::size_t>(status.st_size) > bytes_max) {
    return std::nullopt;
  }
  std::string content(static_cast<std::size_t>(status.st_size), '\0');
  for (std::size_t at = 0; at < content.size();) {
    const ssize_t count = ::pread(fd, content.data() + at, content.size() - at, static_cast<off_t>(at));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return std::nullopt;
    at += static_cast<std::size_t>(count);
  }
  return content;
}

// What is written into a pipe until its last writer has gone; the beginning, on one line.
std::string read_text(int pipe) {
  std::string text;
  std::array<char, 4096> buffer;
  while (true) {
    // Who waits for the lock meanwhile has a component to compile, one at a time.
    // NOLINTNEXTLINE(clang-analyzer-unix.BlockInCriticalSection)
    const ssize_t count = ::read(pipe, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    text.append(buffer.data(), std::min(static_cast<std::size_t>(count), error_text_bytes_max - text.size()));
  }
  text.erase(text.find_last_not_of(" \n") + 1);
  std::ranges::replace(text, '\n', ' ');
  return text;
}

struct Channels {
  Descriptor input, output, errors, errors_in_child;
};

base::Result<Channels> make_channels() {
  Descriptor input(::memfd_create("component", MFD_CLOEXEC));
  Descriptor output(::memfd_create("compiled", MFD_CLOEXEC));
  int ends[2] = {-1, -1};
  const bool piped = ::pipe2(ends, O_CLOEXEC) == 0;
  Channels channels{std::move(input).above_standard(), std::move(output).above_standard(), Descriptor(ends[0]),
                    Descriptor(ends[1]).above_standard()};
  if (channels.input.get() < 0 || channels.output.get() < 0 || !piped || channels.errors_in_child.get() < 0) {
    return fail(Code::resource_exhausted, "the compiler cannot be given the component: " + reason());
  }
  return channels;
}

}  // namespace

struct Compiler::Ended {
  int status = 0;
  std::chrono::microseconds processor_time{0};
};

Compiler::Compiler(std::filesystem::path program, CompilerLimits limits)
    : program_(std::move(program)), limits_(limits) {}

base::Result<std::string> Compiler::compile(std::string_view component) {
  std::lock_guard one_at_a_time(compiling_);
  auto channels = make_channels();
  if (!channels) return std::unexpected(channels.error());
  if (!write_whole(channels->input.get(), component))
    return fail(Code::resource_exhausted, "the compiler cannot be given the component: " + reason());
  const auto child = start(channels->input.get(), channels->output.get(), channels->errors_in_child.get());
  if (!child) return std::unexpected(child.error());
  channels->errors_in_child.close();
  const std::string text = read_text(channels->errors.get());
  const auto ended = wait_for(*child);
  if (!ended) return std::unexpected(ended.error());
  if (ended->status != 0) return std::unexpected(failure(*ended, text));
  auto answer = read_whole(channels->output.get(), artifact_bytes_max + header(artifact_bytes_max).size());
  const std::size_t line = EngineCore::fingerprint().size() + 1;
  const std::size_t end = answer ? answer->find('\n', std::min(line, answer->size())) : std::string::npos;
  if (end == std::string::npos || !answer->starts_with(header(answer->size() - end - 1))) {
    return fail(Code::internal,
                "the compiler " + program_.string() + " is of another build or its answer is not whole");
  }
  answer->erase(0, end + 1);
  return *std::move(answer);
}

void Compiler::stop() {
  std::lock_guard lock(mutex_);
  stopping_ = true;
  if (child_ != 0) ::kill(-child_, SIGKILL);
}

base::Result<pid_t> Compiler::start(int input, int output, int errors) {
  const std::vector<std::string> words = {"thalo-runtime",
                                          std::string(compile_component_argument),
                                          std::to_string(::getpid()),
                                          std::to_string(limits_.memory_bytes),
                                          std::to_string(limits_.processor_time.count()),
                                          std::to_string(limits_.niceness)};
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  // On half of the cores (Cranelift's threads), so that a command that comes finds one on which nothing is compiled.
  std::string threads = "RAYON_NUM_THREADS=" + std::to_string(std::max(1, cores() / 2));
  std::vector<char*> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) environment.push_back(*variable);
  if (std::getenv("RAYON_NUM_THREADS") == nullptr) environment.push_back(threads.data());
  environment.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
  posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  // A group of its own, so that Ctrl-C reaches this process alone, which then decides; no session of its own, since
  // niceness counts among those of a session only. No signal blocked or ignored, whatever this process does.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t child = 0;
  int error = ECANCELED;
  {
    std::lock_guard lock(mutex_);
    if (!stopping_)
      error = ::posix_spawn(&child, program_.c_str(), &actions, &attributes, arguments.data(), environment.data());
    if (error == 0) child_ = child;
  }
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error == 0) return child;
  if (error == ECANCELED) return fail(Code::unavailable, "it is not compiled: the server is stopping; retry later");
  const std::string what =
      "the compiler " + program_.string() + " cannot be started: " + std::generic_category().message(error);
  if (error == EAGAIN || error == ENOMEM) return fail(Code::unavailable, what);
  return fail_for_good(Code::unavailable, what);
}

base::Result<Compiler::Ended> Compiler::wait_for(pid_t child) {
  // Until it is waited for its number is its own, so that stop() kills nobody else.
  siginfo_t info;
  while (::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
  std::lock_guard lock(mutex_);
  child_ = 0;
  Ended ended;
  rusage usage{};
  if (::wait4(child, &ended.status, 0, &usage) != child)
    return fail(Code::internal, "how the compiler ended cannot be told: " + reason());
  if (stopping_) return fail(Code::unavailable, "it is not compiled: the server is stopping; retry later");
  for (const timeval& time : {usage.ru_utime, usage.ru_stime})
    ended.processor_time += std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
  return ended;
}

base::Error Compiler::failure(const Ended& ended, std::string_view text) const {
  const int signal = WIFSIGNALED(ended.status) ? WTERMSIG(ended.status) : 0;
  const int code = signal == 0 ? WEXITSTATUS(ended.status) : 0;
  if (code == exit_refused) return {Code::invalid_argument, std::string(text), false};
  // Rust's library says so before it aborts.
  if (code == exit_out_of_memory || (signal == SIGABRT && text.contains("memory allocation of"))) {
    return {Code::resource_exhausted,
            "compiling it takes more memory than the " + std::to_string(limits_.memory_bytes >> 20) + " MiB allowed",
            true};
  }
  // Its own thread, or Cranelift's, whose library aborts.
  if (code == exit_unavailable || (signal == SIGABRT && text.contains("ThreadPoolBuildError"))) {
    return {Code::unavailable,
            "the machine gives the compiler no threads, as where the number of processes is limited; retry later",
            false};
  }
  if (signal == SIGXCPU || (signal == SIGKILL && ended.processor_time >= limits_.processor_time)) {
    return {Code::resource_exhausted,
            "compiling it takes more processor time than the " + std::to_string(limits_.processor_time.count()) +
                " s allowed",
            true};
  }
  if (signal == SIGKILL || signal == SIGTERM || signal == SIGINT || signal == SIGHUP || signal == SIGQUIT) {
    return {Code::unavailable,
            std::string("the compiler was killed from outside (SIG") + ::sigabbrev_np(signal) +
                "), as the kernel does where memory is short; retry later",
            false};
  }
  const std::string how =
      signal != 0 ? std::string("SIG") + ::sigabbrev_np(signal) : "exit code " + std::to_string(code);
  return {Code::internal, "the compiler crashed on it (" + how + "): " + excerpt(text), true};
}

namespace {

// The program on the other side.

template <class Number>
bool read_number(const char* text, Number& number) {
  const char* end = text + std::strlen(text);
  const auto read = std::from_chars(text, end, number);
  return read.ec == std::errc() && read.ptr == end;
}

// Never more than what this process was given.
void set_limit(int resource, rlim_t soft, rlim_t hard) {
  rlimit limit{};
  ::getrlimit(static_cast<__rlimit_resource_t>(resource), &limit);
  limit.rlim_max = std::min(limit.rlim_max, hard);
  limit.rlim_cur = std::min(limit.rlim_max, soft);
  ::setrlimit(static_cast<__rlimit_resource_t>(resource), &limit);
}

void limit_this_process(const CompilerLimits& limits) {
  const auto seconds = static_cast<rlim_t>(limits.processor_time.count());
  set_limit(RLIMIT_CORE, 0, 0);
  set_limit(RLIMIT_CPU, seconds, seconds + 1);
  if (compiler_memory_is_limited) set_limit(RLIMIT_AS, limits.memory_bytes, limits.memory_bytes);
  (void)::nice(limits.niceness);
  // Where the machine's or the container's memory runs out, this process goes first.
  const Descriptor score(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  (void)write_whole(score.get(), "1000");
}

[[noreturn]] void end_out_of_memory() { ::_exit(exit_out_of_memory); }

int end_with(int code, const std::string& text) {
  std::fputs(text.c_str(), stderr);
  return code;
}

int end_with(const base::Error& error) {
  if (error.message.contains(std::generic_category().message(ENOMEM))) return exit_out_of_memory;
  if (error.code == Code::unavailable) return end_with(exit_unavailable, error.message);
  return end_with(error.code == Code::invalid_argument ? exit_refused : exit_failed, error.message);
}

}  // namespace

int compile_component(int argc, char** argv) {
  pid_t parent = 0;
  CompilerLimits limits;
  std::chrono::seconds::rep seconds = 0;
  if (argc != 6 || !read_number(argv[2], parent) || !read_number(argv[3], limits.memory_bytes) ||
      !read_number(argv[4], seconds) || !read_number(argv[5], limits.niceness)) {
    return end_with(exit_failed, "the runtime itself calls this to compile a module\n");
  }
  limits.processor_time = std::chrono::seconds(seconds);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) return exit_failed;  // it has ended before
  limit_this_process(limits);
  ::prctl(PR_SET_NAME, "thalo-compiler");  // for `ps`, which would show `exe`
  std::set_new_handler(end_out_of_memory);
  const auto component = read_whole(STDIN_FILENO, limits.memory_bytes);
  if (!component) return end_with(exit_failed, "the component cannot be read: " + reason());
  const auto core = EngineCore::start();
  if (!core) return end_with(core.error());
  const auto compiled = (*core)->compile(*component);
  if (!compiled) return end_with(compiled.error());
  ByteVector artifact;
  if (const ErrorHandle error(wasmtime_component_serialize(compiled->get(), artifact.get())); error != nullptr)
    return end_with({Code::internal, innermost_cause(*error), false});
  const bool written =
      write_whole(STDOUT_FILENO, header(artifact.view().size())) && write_whole(STDOUT_FILENO, artifact.view());
  if (!written) return end_with(exit_failed, "the compiled code cannot be written: " + reason());
  return 0;
}

}  // namespace thalo::wasm
