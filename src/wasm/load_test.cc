// What load accepts and how it refuses everything else.
#include "wasm/test_support.h"

namespace thalo::wasm {
namespace {

using namespace testing;

base::Error refusal(std::string_view bytes, const EngineOptions& options = {}) {
  auto engine = make_wasmtime_engine(options).value();
  auto module = engine->load("shop", bytes);
  return module ? base::Error{} : module.error();
}

TEST(Load, BothWorldsAreToldApartByTheirExports) {
  EXPECT_EQ(counter_v1().world(), World::v1);
  EXPECT_EQ(counter_v0_8().world(), World::v0_8);
  EXPECT_EQ(counter_v1().snapshot_format(), "counter/1");
  EXPECT_EQ(counter_v0_8().snapshot_format(), std::nullopt);
  EXPECT_EQ(counter_v1().name(), "counter");
  EXPECT_EQ(counter_v1().digest().size(), 64U);
  EXPECT_EQ(counter_v1().size_bytes(), guests::counter().size());
}

TEST(Load, AnyMinorVersionOfWorld1IsAcceptedAndNoOtherMajorOne) {
  std::string later = guests::counter();
  const auto at = later.find("thalo:aggregate/aggregate@1.0.0");
  ASSERT_NE(at, std::string::npos);
  later.replace(at + 26, 5, "1.7.3");
  EXPECT_TRUE(engine().load("counter", later));
  later.replace(at + 26, 5, "2.0.0");
  EXPECT_THAT(refusal(later).message, AllOf(HasSubstr("neither"), HasSubstr("thalo:aggregate/aggregate@2.0.0")));
}

TEST(Load, WhatIsNoComponentIsRefusedWithWhatItIs) {
  EXPECT_EQ(refusal("").code, Code::invalid_argument);
  EXPECT_THAT(refusal("").message, AllOf(HasSubstr("module 'shop'"), HasSubstr("empty")));
  EXPECT_THAT(refusal("#!/bin/sh\necho hello").message, HasSubstr("not WebAssembly"));
  EXPECT_THAT(refusal("(component)").message, HasSubstr("not WebAssembly"));
  EXPECT_THAT(refusal(guests::assemble("(module)")).message,
              AllOf(HasSubstr("core WebAssembly module"), HasSubstr("thalo build")));
}

TEST(Load, AComponentDamagedAnywhereIsRefusedAndNeverCrashes) {
  const std::string whole = guests::counter();
  for (std::size_t size = 8; size < whole.size(); size += 97) {
    EXPECT_EQ(refusal(whole.substr(0, size)).code, Code::invalid_argument) << size;
  }
  for (std::size_t at = 8; at < whole.size(); at += 61) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
    auto module = engine().load("counter", damaged);  // some bytes do not matter: a refusal or a module, no crash
    EXPECT_TRUE(module || module.error().code == Code::invalid_argument) << at;
  }
}

TEST(Load, TooLargeAComponentIsRefusedWithItsSizeAndTheLimit) {
  const auto error = refusal(guests::counter(), {.cache_folder = {}, .component_size_bytes_max = 1000});
  EXPECT_EQ(error.code, Code::invalid_argument);
  EXPECT_THAT(error.message, AllOf(HasSubstr("at most 1000"), HasSubstr(std::to_string(guests::counter().size()))));
}

TEST(Load, AnotherWorldIsRefusedWithWhatIsMissingAndWhatIsThere) {
  const auto component = guests::assemble(R"((component
    (core module $m (func (export "run") (result i32) (i32.const 0)))
    (core instance $i (instantiate $m))
    (func $run (result (result)) (canon lift (core func $i "run")))
    (export "compute" (func $run))))");
  EXPECT_THAT(refusal(component).message,
              AllOf(HasSubstr("thalo:aggregate/aggregate@1.x"), HasSubstr("'aggregate' of Thalo 0.8"),
                    HasSubstr("function 'compute'")));
  EXPECT_THAT(refusal(guests::assemble("(component)")).message, HasSubstr("nothing"));
}

// A component whose only export is an interface with the function `snapshot-format` of the given result.
std::string with_format(const std::string& interface, const std::string& result) {
  return guests::assemble(R"((component
    (core module $m (memory (export "m") 1) (func (export "format") (result i32) (i32.const 0)))
    (core instance $i (instantiate $m))
    (alias core export $i "m" (core memory $memory))
    (func $format (result )" +
                          result + R"() (canon lift (core func $i "format") (memory (core memory $memory))))
    (instance $x (export "snapshot-format" (func $format)))
    (export ")" + interface +
                          R"(" (instance $x))))");
}

TEST(Load, AMissingFunctionIsNamed) {
  EXPECT_THAT(refusal(with_format("thalo:aggregate/aggregate@1.0.0", "(option string)")).message,
              AllOf(HasSubstr("no function '[constructor]entity'"), HasSubstr("wit/")));
  EXPECT_THAT(refusal(with_format("aggregate", "(option string)")).message,
              HasSubstr("no function '[constructor]entity'"));
}

TEST(Load, AFunctionOfAnotherTypeIsNamedWithBothTypes) {
  EXPECT_THAT(refusal(with_format("thalo:aggregate/aggregate@1.0.0", "(tuple u32 (list string))")).message,
              AllOf(HasSubstr("#snapshot-format'"), HasSubstr("func() -> tuple<u32, list<string>>"),
                    HasSubstr("func() -> option<string>")));
}

TEST(Load, AModuleIsStartedUnderTheLimitsOfItsCommands) {
  const auto large = guests::make({.parts = {{"core-imports", "(memory $second 1280)"}}});
  EXPECT_THAT(refusal(large).message, AllOf(HasSubstr("more than 67108864 bytes"), HasSubstr("--memory-limit")));
  EXPECT_EQ(refusal(large, {.limits = {.memory_per_instance_bytes = 96u << 20}}), base::Error{});
  EXPECT_THAT(refusal(guests::counter(), {.limits = {.memory_per_instance_bytes = 1u << 20}}).message,
              HasSubstr("more than 1048576 bytes"));
}

TEST(Load, AModuleThatTrapsOrNeverEndsAtItsStartIsRefusedWithTheReason) {
  EXPECT_THAT(refusal(guests::make({.parts = {{"format", "unreachable"}}})).message,
              AllOf(HasSubstr("fails when it is started"), HasSubstr("unreachable"), HasSubstr("snapshot-format")));
  EXPECT_THAT(refusal(guests::make({.parts = {{"format", "(loop $x (br $x))"}}})).message, HasSubstr("limit --"));
}

}  // namespace
}  // namespace thalo::wasm
