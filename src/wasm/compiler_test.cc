// Compiling in a process of its own: what it gives is what this process would have made, and a compiler that fails in
// whatever way costs one load and says why.
#include "wasm/compiler.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <future>
#include <string>
#include <vector>

#include "env/files.h"
#include "wasm/test_support.h"

namespace thalo::wasm {
namespace {

using namespace testing;
namespace files = std::filesystem;

class CompilerTest : public ::testing::Test {
 protected:
  ~CompilerTest() override { files::remove_all(folder_); }

  // A shell script in place of the compiler. $COMPILER is the real one.
  files::path script(const std::string& text) const {
    const auto path = folder_ / "compiler.sh";
    std::ofstream(path) << "#!/bin/sh\nCOMPILER=" COMPONENT_COMPILER "\n" << text << "\n";
    ::chmod(path.c_str(), S_IRWXU);
    return path;
  }
  // How loading a component with that compiler fails.
  static base::Error failure(const files::path& program, CompilerLimits limits = {},
                             const std::string& component = guests::counter()) {
    auto engine = make_wasmtime_engine({.compiler_program = program, .compiler_limits = limits}).value();
    auto module = engine->load("counter", component);
    return module ? base::Error{} : module.error();
  }
  static bool counts(Engine& engine) {
    const auto module = engine.load("counter", guests::counter());
    if (!module) return false;
    auto instance = instantiate(**module);
    Counter counter(*instance);
    return counter.increment(3) && counter.count() == "3";
  }

  const files::path folder_ = env::make_temporary_folder("thalo-compiler-test-").value();
};

// Takes any machine far longer than a second, and far more than a hundred megabytes.
std::string compile_bomb() { return guests::make({.parts = {{"core-imports", guests::long_function(3000, 1000)}}}); }

TEST_F(CompilerTest, AComponentCompiledApartRunsAndIsKeptInTheCache) {
  const auto cache = folder_ / "cache";
  ASSERT_TRUE(counts(*make_wasmtime_engine({.cache_folder = cache, .compiler_program = COMPONENT_COMPILER}).value()));
  EXPECT_TRUE(counts(*make_wasmtime_engine({.cache_folder = cache, .compiler_program = "/no/compiler"}).value()));
}

TEST_F(CompilerTest, WhatIsNoValidComponentIsRefusedInTheWordsOfThisProcess) {
  const std::string whole = guests::counter();
  const std::string damaged = whole.substr(0, whole.size() - 100);
  const auto error = failure(COMPONENT_COMPILER, {}, damaged);
  EXPECT_EQ(error.code, Code::invalid_argument);
  EXPECT_EQ(error, failure({}, {}, damaged));
}

TEST_F(CompilerTest, ACompilerThatIsKilledFromOutsideIsWorthARetry) {
  for (const std::string signal : {"KILL", "TERM", "HUP"}) {
    const auto error = failure(script("kill -" + signal + " $$"));
    EXPECT_EQ(error.code, Code::unavailable);
    EXPECT_TRUE(error.retryable());
    EXPECT_THAT(error.message, AllOf(HasSubstr("module 'counter'"), HasSubstr("killed"), HasSubstr("SIG" + signal)));
  }
}

// Its own thread and Cranelift's, with a stack for which no address space is large enough, so that the system refuses
// them as it does when there are too many.
TEST_F(CompilerTest, ACompilerThatGetsNoThreadsIsWorthARetry) {
  if (!compiler_memory_is_limited) GTEST_SKIP() << "sanitizers have an address space of their own";
  std::vector<std::string> ways = {"export RUST_MIN_STACK=70368744177664"};
  rlimit stack{};
  ASSERT_EQ(::getrlimit(RLIMIT_STACK, &stack), 0);
  if (stack.rlim_max == RLIM_INFINITY) ways.emplace_back("ulimit -s 68719476736");
  for (const std::string& refused : ways) {
    const auto error = failure(script(refused + "; exec \"$COMPILER\" \"$@\""));
    EXPECT_EQ(error.code, Code::unavailable) << refused << error.message;
    EXPECT_TRUE(error.retryable());
    EXPECT_THAT(error.message, AllOf(HasSubstr("module 'counter'"), HasSubstr("threads")));
  }
}

TEST_F(CompilerTest, ACompilerThatCrashesFailsTheComponentWithHowAndWhatItSaid) {
  auto error = failure(script("echo bad luck >&2; kill -SEGV $$"));
  EXPECT_EQ(error.code, Code::internal);
  EXPECT_THAT(error.message, AllOf(HasSubstr("crashed"), HasSubstr("SIGSEGV"), HasSubstr("bad luck")));
  error = failure(script("echo worse luck >&2; exit 3"));
  EXPECT_EQ(error.code, Code::internal);
  EXPECT_THAT(error.message, AllOf(HasSubstr("exit code 3"), HasSubstr("worse luck")));
}

TEST_F(CompilerTest, AnAnswerOfAnotherBuildOrNotWholeIsNotUsed) {
  const std::string compile = "\"$COMPILER\" compile-component $$ $3 $4 $5";
  // The same pipe with nothing changed: it is the change that is refused below.
  ASSERT_EQ(failure(script(compile + " | cat")), base::Error{});
  for (const std::string& answer :
       {std::string(":"), std::string("echo garbage"), std::string("cat"), std::string("head -c 5000 /dev/urandom"),
        compile + " | sed '1s/settings/other settings/'", compile + " | head -c -1", compile + " | tail -c +2",
        "{ " + compile + "; echo; }"}) {
    const auto error = failure(script(answer));
    EXPECT_EQ(error.code, Code::internal) << answer;
    EXPECT_THAT(error.message, HasSubstr("another build or its answer is not whole")) << answer;
  }
}

TEST_F(CompilerTest, CodeThatIsNoneIsNotUsed) {
  const auto error = failure(script("\"$COMPILER\" compile-component $$ $3 $4 $5 | LC_ALL=C sed 's/ELF/FLE/'"));
  EXPECT_EQ(error.code, Code::internal);
  EXPECT_THAT(error.message, HasSubstr("cannot be used"));
}

TEST_F(CompilerTest, TooMuchMemoryIsRefusedForGoodWithTheLimit) {
  if (!compiler_memory_is_limited) GTEST_SKIP() << "sanitizers need more address space than any limit";
  const auto error = failure(COMPONENT_COMPILER, {.memory_bytes = 128u << 20}, compile_bomb());
  EXPECT_EQ(error.code, Code::resource_exhausted);
  EXPECT_FALSE(error.retryable());
  EXPECT_THAT(error.message, HasSubstr("more memory than the 128 MiB allowed"));
}

TEST_F(CompilerTest, TooMuchProcessorTimeIsRefusedForGoodWithTheLimit) {
  const auto error = failure(COMPONENT_COMPILER, {.processor_time = std::chrono::seconds(1)}, compile_bomb());
  EXPECT_EQ(error.code, Code::resource_exhausted);
  EXPECT_FALSE(error.retryable());
  EXPECT_THAT(error.message, HasSubstr("more processor time than the 1 s allowed"));
}

TEST_F(CompilerTest, AMissingProgramIsNamedAndIsNotWorthARetry) {
  const auto error = failure("/no/compiler");
  EXPECT_EQ(error.code, Code::unavailable);
  EXPECT_FALSE(error.retryable());
  EXPECT_THAT(error.message, AllOf(HasSubstr("/no/compiler"), HasSubstr("No such file")));
}

TEST_F(CompilerTest, ItGetsNoDescriptorOfThisProcess) {
  const int left_open = ::dup2(STDOUT_FILENO, 123);
  const auto error = failure(script("exec ls /proc/self/fd /nowhere >&2"));
  ::close(left_open);
  EXPECT_THAT(error.message, AllOf(HasSubstr("crashed"), HasSubstr("0 1 2"), Not(HasSubstr("123"))));
}

TEST_F(CompilerTest, StoppingKillsItAndAllThatItStarted) {
  const auto running = folder_ / "running";
  ASSERT_EQ(::mkfifo(running.c_str(), S_IRWXU), 0);
  auto engine =
      make_wasmtime_engine({.compiler_program = script("(sleep 1000) & echo > " + running.string() + "; sleep 1000")})
          .value();
  auto loading = std::async(std::launch::async, [&] { return engine->load("counter", guests::counter()); });
  ASSERT_TRUE(env::read_file(running));  // once it runs
  engine->stop_compiling();
  for (const auto& module : {loading.get(), engine->load("counter", guests::counter())}) {
    ASSERT_FALSE(module);
    EXPECT_EQ(module.error().code, Code::unavailable);
    EXPECT_TRUE(module.error().retryable());
    EXPECT_THAT(module.error().message, HasSubstr("stopping"));
  }
}

TEST_F(CompilerTest, ItRefusesToRunForAnotherParent) {
  const auto error = failure(script("\"$COMPILER\" compile-component 1 $3 $4 $5"));
  EXPECT_EQ(error.code, Code::internal);
}

}  // namespace
}  // namespace thalo::wasm
