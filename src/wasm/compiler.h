// Compiles components in a process of its own.
//
// Compiling keeps a core busy for up to half a minute and takes hundreds of megabytes, for bytes that a client sent.
// Apart it shares neither allocator nor page tables with the threads that serve, so that it can be given little of the
// processor without holding them up, and costs only itself when it crashes or runs away.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>

#include "base/result.h"

namespace thalo::wasm {

// Not in builds with sanitizers, which need more address space than any limit.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool compiler_memory_is_limited = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool compiler_memory_is_limited = false;
#else
inline constexpr bool compiler_memory_is_limited = true;
#endif
#else
inline constexpr bool compiler_memory_is_limited = true;
#endif

// What compiling one component may take.
struct CompilerLimits {
  std::size_t memory_bytes = std::size_t{4} << 30;  // address space
  std::chrono::seconds processor_time{600};
  int niceness = 19;  // more than this process has: the least of the processor
};

// The first argument of a program that is called to compile: it hands over to compile_component().
inline constexpr std::string_view compile_component_argument = "compile-component";

class Compiler {
 public:
  explicit Compiler(std::filesystem::path program, CompilerLimits limits = {});
  Compiler(const Compiler&) = delete;
  Compiler& operator=(const Compiler&) = delete;

  // The component's compiled code, for an engine of this build. Any thread; blocks, one component at a time.
  // INVALID_ARGUMENT: it is no valid component. RESOURCE_EXHAUSTED, for good: beyond a limit, which is named. INTERNAL:
  // the compiler crashed on it. UNAVAILABLE: the compiler was killed or stopped, or cannot be started.
  base::Result<std::string> compile(std::string_view component);

  // Kills what is being compiled; it and all later ones are UNAVAILABLE. Any thread.
  void stop();

 private:
  struct Ended;
  base::Result<pid_t> start(int input, int output, int errors);
  base::Result<Ended> wait_for(pid_t child);
  base::Error failure(const Ended& ended, std::string_view text) const;

  const std::filesystem::path program_;
  const CompilerLimits limits_;
  std::mutex compiling_;  // held while one is compiled
  std::mutex mutex_;
  bool stopping_ = false;
  pid_t child_ = 0;  // not yet waited for; 0: none
};

// The whole program on the other side: reads the component from standard input, writes its compiled code to standard
// output, says what is wrong on standard error.
int compile_component(int argc, char** argv);

}  // namespace thalo::wasm
