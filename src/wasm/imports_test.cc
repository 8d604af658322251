// What guests get from the host: the log, the parts of WASI that need nothing from outside, and a named trap for
// everything else.
#include "wasm/test_support.h"

namespace thalo::wasm {
namespace {

using namespace testing;

// What the process writes to standard error while `work` runs.
template <class Work>
std::string log_of(Work work) {
  ::testing::internal::CaptureStderr();
  work();
  return ::testing::internal::GetCapturedStderr();
}

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t number = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++number;
  return number;
}

TEST(Log, ALineArrivesWithLevelStreamAndModule) {
  auto instance = instantiate(counter_v1());
  Counter counter(*instance, "mia");
  const auto text = log_of([&] { counter.events("log", R"({"hello":1})"); });
  EXPECT_THAT(text, AllOf(HasSubstr("INFO"), HasSubstr(R"({"hello":1})"), HasSubstr(R"(stream="counter-mia")"),
                          HasSubstr(R"(module="counter")")));
}

TEST(Log, ATracingEventOfWorld08ArrivesAtItsLevel) {
  auto instance = instantiate(counter_v0_8());
  Counter counter(*instance, "mia");
  const auto text = log_of([&] { counter.events("log", R"({"metadata":{"level":"ERROR"},"message":"oh"})"); });
  EXPECT_THAT(text, AllOf(HasSubstr("ERROR {\"metadata\""), HasSubstr(R"(stream="counter-mia")")));
}

TEST(Log, AMessageCannotForgeLinesNorBeLong) {
  auto instance = instantiate(counter_v1());
  Counter counter(*instance);
  const auto forged = log_of([&] { counter.events("log", "a\nINFO b\x1b[2J"); });
  EXPECT_EQ(count(forged, "\n"), 1U);
  EXPECT_THAT(forged, Not(HasSubstr("\x1b")));
  const auto control = log_of([&] { counter.events("log", "c1 \xc2\x9b[2J, fine: \xc3\xa9"); });
  EXPECT_THAT(control, AllOf(HasSubstr("c1  [2J, fine: \xc3\xa9"), Not(HasSubstr("\xc2\x9b"))));
  const auto cut = log_of([&] { counter.events("log", std::string(1'000'000, 'x')); });
  EXPECT_LT(cut.size(), 5'000U);
  EXPECT_THAT(cut, HasSubstr("cut_from_bytes=1000000"));
}

TEST(Log, AGuestThatFloodsTheLogLosesLines) {
  const auto module = load(guests::counter(), "flooder");  // a module of its own: its lines are counted together
  auto instance = instantiate(*module);
  Counter counter(*instance);
  const auto text = log_of([&] { counter.events("flood", "20000"); });
  EXPECT_GE(count(text, "\n"), 500U);
  EXPECT_LT(count(text, "\n"), 15'000U);
}

// A counter whose command `import` calls a function that its component imports.
std::string importing(const std::string& imports, const std::string& lowered, const std::string& host,
                      const std::string& core_imports, const std::string& code) {
  return guests::make({.parts = {{"imports", imports},
                                 {"lowered", lowered},
                                 {"host", host},
                                 {"core-imports", core_imports},
                                 {"import", code}}});
}

TEST(Imports, AnUnknownOneLoadsAndTrapsByNameOnlyWhenItIsCalled) {
  const auto module = load(importing(
      R"((import "acme:bank/rates@3.1.0" (instance $rates (export "now" (func (result u32))))))",
      R"((alias export $rates "now" (func $rates-now)) (core func $rates-now (canon lower (func $rates-now))))",
      R"((export "rates" (func $rates-now)))", R"((import "host" "rates" (func $rates (result i32))))",
      "(drop (call $rates))"));
  auto instance = instantiate(*module);
  Counter counter(*instance);
  ASSERT_TRUE(counter.increment(1));
  const auto error = counter.error("import");
  EXPECT_EQ(error.code, Code::failed_precondition);
  EXPECT_THAT(error.message, AllOf(HasSubstr("'acme:bank/rates@3.1.0#now'"), HasSubstr("does not offer")));
  EXPECT_TRUE(instance->broken());
}

TEST(Imports, APlainFunctionAndAnUnknownVersionOfWasiTrapByNameToo) {
  const auto plain = load(importing(
      R"((import "roll" (func $roll (result u32))))", R"((core func $roll (canon lower (func $roll))))",
      R"((export "roll" (func $roll)))", R"((import "host" "roll" (func $roll (result i32))))", "(drop (call $roll))"));
  auto instance = instantiate(*plain);
  EXPECT_THAT(Counter(*instance).error("import").message, HasSubstr("'roll'"));

  const auto later = load(importing(
      R"((import "wasi:random/random@0.9.0" (instance $random (export "get-random-u64" (func (result u64))))))",
      R"((alias export $random "get-random-u64" (func $r)) (core func $r (canon lower (func $r))))",
      R"((export "r" (func $r)))", R"((import "host" "r" (func $r (result i64))))", "(drop (call $r))"));
  auto second = instantiate(*later);
  EXPECT_THAT(Counter(*second).error("import").message, HasSubstr("wasi:random/random@0.9.0#get-random-u64"));
}

TEST(Imports, OneThatNoFunctionCanSatisfyIsRefusedAtLoad) {
  for (const char* import :
       {R"((import "plugin" (component $plugin)))", R"((import "plugin" (core module $plugin)))"}) {
    auto module = engine().load("shop", guests::make({.parts = {{"imports", import}}}));
    ASSERT_FALSE(module);
    EXPECT_EQ(module.error().code, Code::invalid_argument);
    EXPECT_THAT(module.error().message, AnyOf(HasSubstr("'plugin'"), HasSubstr("component imports")));
  }
}

// The event of the command `import` in a counter that puts an i64 of an import into a `Reported` event.
std::string number_from(const std::string& imports, const std::string& lowered, const std::string& host,
                        const std::string& core_imports, const std::string& call) {
  return importing(imports, lowered, host, core_imports,
                   "(local.set $end (i32.add (call $alloc (i32.const 32)) (i32.const 32)))"
                   "(local.set $start (call $print " +
                       call +
                       " (local.get $end)))"
                       "(return (call $one (i32.const 0x410) (i32.const 8) (local.get $start) (i32.sub (local.get "
                       "$end) (local.get $start))))");
}

std::string random_guest() {
  return number_from(
      R"((import "wasi:random/random@0.2.3" (instance $random (export "get-random-u64" (func (result u64))))))",
      R"((alias export $random "get-random-u64" (func $r)) (core func $r (canon lower (func $r))))",
      R"((export "r" (func $r)))", R"((import "host" "r" (func $r (result i64))))", "(call $r)");
}

TEST(Wasi, RandomNumbersDependOnStreamAndVersionOnly) {
  const auto module = load(random_guest());
  const auto draw = [&module](std::string_view id, std::uint64_t version) {
    auto instance = instantiate(*module);
    const auto entity = instance->create(stream(id)).value();
    return std::get<0>(instance->handle(entity, command("import"), version).value()).at(0).data;
  };
  EXPECT_EQ(draw("a", 1), draw("a", 1));
  EXPECT_NE(draw("a", 1), draw("a", 2));
  EXPECT_NE(draw("a", 1), draw("b", 1));
}

TEST(Wasi, TheClocksShowTheCommandsTime) {
  const auto module = load(number_from(
      R"((import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock (export "now" (func (result u64))))))",
      R"((alias export $clock "now" (func $now)) (core func $now (canon lower (func $now))))",
      R"((export "now" (func $now)))", R"((import "host" "now" (func $now (result i64))))", "(call $now)"));
  auto instance = instantiate(*module);
  const auto entity = instance->create(stream()).value();
  auto at = command("import");
  at.time_ms = 1'700'000'000'000;
  EXPECT_EQ(std::get<0>(instance->handle(entity, at, 0).value()).at(0).data, "1700000000000001000");
}

TEST(Wasi, TheWallClockShowsTheCommandsTime) {
  const auto module = load(number_from(
      R"((import "wasi:clocks/wall-clock@0.2.6" (instance $clock
           (type $t (record (field "seconds" u64) (field "nanoseconds" u32))) (export "datetime" (type $datetime (eq $t)))
           (export "now" (func (result $datetime))))))",
      R"((alias export $clock "now" (func $now)) (core func $now (canon lower (func $now) (memory (core memory $memory)))))",
      R"((export "now" (func $now)))", R"((import "host" "now" (func $now (param i32))))",
      "(block (result i64) (call $now (i32.const 0x8000)) (i64.add (i64.mul (i64.load (i32.const 0x8000)) (i64.const "
      "1000000000)) (i64.load32_u (i32.const 0x8008))))"));
  auto instance = instantiate(*module);
  const auto entity = instance->create(stream()).value();
  auto at = command("import");
  at.time_ms = 1'700'000'000'123;
  EXPECT_EQ(std::get<0>(instance->handle(entity, at, 0).value()).at(0).data, "1700000000123000000");
}

// The interfaces that a guest with a standard library carries along, the streams with their resources.
constexpr const char* stdout_imports = R"(
  (import "wasi:io/error@0.2.3" (instance $io-error (export "error" (type $e (sub resource)))))
  (alias export $io-error "error" (type $error-resource))
  (import "wasi:io/streams@0.2.3" (instance $streams
    (alias outer 1 $error-resource (type $e))
    (export "error" (type $error (eq $e)))
    (export "output-stream" (type $out (sub resource)))
    (type $se (variant (case "last-operation-failed" (own $error)) (case "closed")))
    (export "stream-error" (type $stream-error (eq $se)))
    (export "[method]output-stream.blocking-write-and-flush"
      (func (param "self" (borrow $out)) (param "contents" (list u8)) (result (result (error $stream-error)))))))
  (alias export $streams "output-stream" (type $output-stream))
  (import "wasi:cli/stdout@0.2.3" (instance $stdout
    (alias outer 1 $output-stream (type $o))
    (export "output-stream" (type $out (eq $o)))
    (export "get-stdout" (func (result (own $out))))))
  (import "wasi:filesystem/types@0.2.3" (instance $files (export "descriptor" (type $d (sub resource)))))
  (alias export $files "descriptor" (type $descriptor))
  (import "wasi:filesystem/preopens@0.2.3" (instance $preopens
    (alias outer 1 $descriptor (type $d))
    (export "descriptor" (type $descriptor (eq $d)))
    (export "get-directories" (func (result (list (tuple (own $descriptor) string)))))))
  (import "wasi:cli/environment@0.2.3" (instance $environment
    (export "get-environment" (func (result (list (tuple string string)))))
    (export "get-arguments" (func (result (list string))))))
  (import "wasi:cli/exit@0.2.3" (instance $exit (export "exit" (func (param "status" (result))))))
)";
constexpr const char* stdout_lowered = R"(
  (alias export $stdout "get-stdout" (func $get))
  (core func $get (canon lower (func $get)))
  (alias export $streams "[method]output-stream.blocking-write-and-flush" (func $write))
  (core func $write (canon lower (func $write) (memory (core memory $memory))))
  (core func $drop (canon resource.drop $output-stream))
  (alias export $environment "get-environment" (func $env))
  (core func $env (canon lower (func $env) (memory (core memory $memory)) (realloc (core func $realloc))))
  (alias export $preopens "get-directories" (func $dirs))
  (core func $dirs (canon lower (func $dirs) (memory (core memory $memory)) (realloc (core func $realloc))))
  (alias export $exit "exit" (func $exit))
  (core func $exit (canon lower (func $exit)))
)";
constexpr const char* stdout_host =
    R"((export "get" (func $get)) (export "write" (func $write)) (export "drop" (func $drop)) (export "env" (func $env)) (export "dirs" (func $dirs)) (export "exit" (func $exit)))";
constexpr const char* stdout_core = R"(
  (import "host" "get" (func $get (result i32)))
  (import "host" "write" (func $write (param i32 i32 i32 i32)))
  (import "host" "drop" (func $drop (param i32)))
  (import "host" "env" (func $env (param i32)))
  (import "host" "dirs" (func $dirs (param i32)))
  (import "host" "exit" (func $exit (param i32)))
)";

TEST(Wasi, WhatAGuestPrintsIsLoggedLineByLine) {
  const auto module = load(importing(stdout_imports, stdout_lowered, stdout_host, stdout_core, R"(
    (local.set $start (call $get))
    (call $write (local.get $start) (local.get $data) (local.get $data-size) (i32.const 0x8000))
    (if (i32.load8_u (i32.const 0x8000)) (then unreachable))
    (call $drop (local.get $start)))"));
  auto instance = instantiate(*module);
  Counter counter(*instance, "mia");
  const auto text = log_of([&] {
    for (int i = 0; i < 3; ++i) counter.events("import", "one\ntwo\nrest");
  });
  EXPECT_EQ(count(text, "\n"), 9U) << text;
  EXPECT_THAT(text, AllOf(HasSubstr("INFO one stream=\"counter-mia\""), HasSubstr("INFO two"), HasSubstr("INFO rest")));
}

TEST(Wasi, WhatAGuestPrintsNeedNotBeText) {
  const auto module = load(importing(stdout_imports, stdout_lowered, stdout_host, stdout_core, R"(
    (i32.store (i32.const 0x8100) (i32.const 0x41ff4180))
    (call $write (call $get) (i32.const 0x8100) (i32.const 4) (i32.const 0x8000)))"));
  auto instance = instantiate(*module);
  Counter counter(*instance);
  EXPECT_THAT(log_of([&] { counter.events("import"); }), HasSubstr("INFO ?A?A "));
}

TEST(Wasi, EnvironmentAndFilesAreEmpty) {
  const auto module = load(importing(stdout_imports, stdout_lowered, stdout_host, stdout_core, R"(
    (call $env (i32.const 0x8000))
    (call $dirs (i32.const 0x8010))
    (if (i32.or (i32.load (i32.const 0x8004)) (i32.load (i32.const 0x8014))) (then unreachable)))"));
  auto instance = instantiate(*module);
  Counter counter(*instance);
  EXPECT_TRUE(counter.events("import").empty());
}

TEST(Wasi, ExitIsANamedTrap) {
  const auto module =
      load(importing(stdout_imports, stdout_lowered, stdout_host, stdout_core, "(call $exit (i32.const 0))"));
  auto instance = instantiate(*module);
  const auto error = Counter(*instance).error("import");
  EXPECT_EQ(error.code, Code::failed_precondition);
  EXPECT_THAT(error.message, HasSubstr("called exit"));
}

TEST(Wasi, AGuestThatHoardsStreamsEndsOnlyItself) {
  const auto module = load(importing(stdout_imports, stdout_lowered, stdout_host, stdout_core,
                                     "(loop $more (drop (call $get)) (br $more))"));
  auto instance = instantiate(*module);
  Counter counter(*instance);
  EXPECT_THAT(counter.error("import").message, HasSubstr("handle"));
  EXPECT_TRUE(instance->broken());
}

}  // namespace
}  // namespace thalo::wasm
