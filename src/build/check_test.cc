// What `thalo build --check` finds before a runtime would.
#include "build/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "build/build.h"
#include "build/temporary_folder.h"
#include "env/files.h"
#include "guests/guests.h"

namespace thalo::build {
namespace {

using base::Code;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(CheckBehaviour, ACommandOfOnesOwnIsAnsweredAndOneThatCannotBeKnownIsRefused) {
  const auto component = guests::counter();
  EXPECT_EQ(check_behaviour(component, {}).value(), "refused as unknown");
  EXPECT_EQ(check_behaviour(component, {"increment", "3"}).value(), "Incremented 3");
  EXPECT_THAT(check_behaviour(component, {"reject", "{}"}).value(), HasSubstr("rejected "));
  EXPECT_EQ(check_behaviour(component, {"nothing", "{}"}).value(), "no events");
  const auto unknown = check_behaviour(component, {"fly", "{}"});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Code::invalid_argument);
}

TEST(CheckBehaviour, ATrapAndABrokenContractAreFound) {
  for (const auto* command : {"trap", "loop", "recurse", "bad-json", "bad-list", "huge"}) {
    const auto answer = check_behaviour(guests::counter(), {command, "1"});
    ASSERT_FALSE(answer) << command;
    EXPECT_EQ(answer.error().code, Code::failed_precondition) << command;
    EXPECT_THAT(answer.error().message, HasSubstr("the check fails: ")) << command;
  }
}

TEST(CheckBehaviour, WhatTheRuntimeWouldNotLoadIsNotLoaded) {
  const auto answer = check_behaviour(guests::assemble("(component)"), {});
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().message, HasSubstr("the runtime would not load it"));
}

// A counter in C++ whose `handle` has `rule` in it.
base::Result<std::string> check_rule(const std::string& rule) {
  const auto folder = TemporaryFolder::make("check-test");
  if (!folder) return std::unexpected(folder.error());
  const auto source = folder->path() / "counter.cc";
  const std::string text = R"(#include <thalo/aggregate.h>
#include <chrono>
#include <random>
struct Count {};
struct Counted { std::uint64_t number; };
std::uint64_t calls = 0;
struct Counter {
  using Command = std::variant<Count>;
  using Event = std::variant<Counted>;
  static constexpr std::string_view snapshot_format = "1";
  std::uint64_t count = 0;
  mutable std::uint64_t asked = 0;
  auto handle(const Count&) const -> thalo::Result<Event> { )" +
                           rule + R"( }
  void apply(const Counted&) { ++count; }
};
THALO_EXPORT(Counter)
)";
  if (auto written = env::write_file_atomically(source, text); !written) return std::unexpected(written.error());
  BuildOptions options;
  options.source = source;
  const auto built = compile_aggregate(options);
  if (!built) return std::unexpected(built.error());
  return check_behaviour(built->component, {"Count", "{}"});
}

TEST(CheckBehaviour, AnAggregateThatDependsOnMoreThanItsEventsIsFound) {
  EXPECT_EQ(check_rule("return Counted{count};").value(), R"(Counted {"number":0})");
  // What a fresh instance always answers the same, and a used one differently.
  for (const auto* rule : {"return Counted{calls++};", "static std::mt19937 random; return Counted{random()};",
                           "return Counted{static_cast<std::uint64_t>("
                           "std::chrono::steady_clock::now().time_since_epoch().count())};"}) {
    const auto answer = check_rule(rule);
    ASSERT_FALSE(answer) << rule << *answer;
    EXPECT_EQ(answer.error().code, Code::failed_precondition);
    EXPECT_THAT(answer.error().message, HasSubstr("depends on what its instance has done for other entities")) << rule;
    EXPECT_THAT(answer.error().message, HasSubstr("global variables, clocks")) << rule;
  }
  const auto changed = check_rule("++asked; return Counted{count};");
  ASSERT_FALSE(changed);
  EXPECT_THAT(changed.error().message,
              AllOf(HasSubstr("rebuilt from its events is another"), HasSubstr("only apply may change the state")));
}

}  // namespace
}  // namespace thalo::build
