// thalo-runtime: reads its settings, runs until SIGTERM or SIGINT, drains. For each module that it compiles it calls
// itself once more (wasm/compiler.h).
#include <google/protobuf/stubs/logging.h>
#include <malloc.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <memory>
#include <new>
#include <string_view>
#include <system_error>

#include "base/log.h"
#include "env/open_files.h"
#include "server/options.h"
#include "server/runtime.h"
#include "wasm/compiler.h"

namespace {

namespace log = thalo::base::log;

constexpr int exit_failed = 1;

// A few threads make what others free. With an arena for each of them (the C library's default) the gaps that the
// others leave add up: for 100,000 entities 15 MB more than with two. What is freed at the top goes back to the
// machine.
void tune_allocator() {
  ::mallopt(M_ARENA_MAX, 2);
  ::mallopt(M_TRIM_THRESHOLD, 1 << 20);
  ::mallopt(M_MMAP_THRESHOLD, 1 << 20);
}

// A large heap costs a fifth less time a command in huge pages, where the machine has them for those who ask
// (docs/decisions/0014-what-a-command-costs.md). The C library is told at a program's start only: so this one starts
// itself again, once. Whoever sets GLIBC_TUNABLES decides alone.
void use_huge_pages(char** argv) {
  constexpr const char* setting = "GLIBC_TUNABLES";
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error || ::getenv(setting) != nullptr || ::setenv(setting, "glibc.malloc.hugetlb=1", 0) != 0) return;
  ::execv(program.c_str(), argv);  // returns when it fails, for example when the program's file is gone: it goes on
}

// The signals that end the runtime are blocked in all threads and waited for here.
sigset_t block_signals() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGCHLD, SIG_DFL);  // a parent that ignored it would have the compilers' ends forgotten
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

bool is_pending(const sigset_t& signals) {
  sigset_t pending;
  sigpending(&pending);
  sigandset(&pending, &pending, &signals);
  return sigisemptyset(&pending) == 0;
}

int wait_for_signal(const sigset_t& signals, thalo::server::Runtime& runtime) {
  const timespec second{1, 0};
  while (true) {
    const int signal = sigtimedwait(&signals, nullptr, &second);
    if (signal > 0) return signal;
    runtime.tick();
  }
}

thalo::base::Result<std::unique_ptr<thalo::server::Runtime>> start(const thalo::server::Options& options,
                                                                   const sigset_t& signals) {
  try {
    return thalo::server::Runtime::start(options, [&] { return is_pending(signals); });
  } catch (const std::bad_alloc&) {
    return thalo::base::fail_for_good(thalo::base::Code::resource_exhausted,
                                      "there is not enough memory; a smaller --cache-size needs less");
  }
}

}  // namespace

int main(int argc, char** argv) {
  tune_allocator();
  if (argc > 1 && argv[1] == thalo::wasm::compile_component_argument) return thalo::wasm::compile_component(argc, argv);
  auto parsed = thalo::server::parse_options(argc, argv);
  if (const auto* exit = std::get_if<thalo::server::Exit>(&parsed)) {
    (exit->code == 0 ? std::cout : std::cerr) << exit->text;
    return exit->code;
  }
  use_huge_pages(argv);
  thalo::env::raise_open_files_limit();
  const auto& options = std::get<thalo::server::Options>(parsed);
  log::set_level(options.log_level);
  // What a client sends wrongly is answered to the client; protobuf would also write a line of its own for it.
  google::protobuf::SetLogHandler(nullptr);
  const sigset_t signals = block_signals();
  auto runtime = start(options, signals);
  if (!runtime && runtime.error().code == thalo::base::Code::cancelled) {
    log::info("stopped before serving");
    return 0;
  }
  if (!runtime) {
    log::error("cannot start", {{"reason", runtime.error().message}});
    return exit_failed;
  }
  const int signal = wait_for_signal(signals, **runtime);
  log::info("stopping: finishing what is in flight", {{"signal", signal == SIGINT ? "SIGINT" : "SIGTERM"}});
  // A second signal ends the process at once; what is stored is safe.
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  const bool drained = (*runtime)->stop();
  if (!drained) log::warn("calls were still in flight after the drain timeout and were cancelled");
  log::info("stopped");
  return 0;
}
