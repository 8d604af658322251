// What `thalo build --check` finds before a runtime would.
#include "build/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>

#include "build/build.h"
#include "build/temporary_folder.h"
#include "env/files.h"
#include "guests/guests.h"

namespace thalo::build {
namespace {

using base::Code;
using ::testing::AllOf;
using ::testing::HasSubstr;

// What `component` is told to have answered to one command, or to the one that it cannot know.
base::Result<std::string> check_one(std::string_view component, const SmokeCommand& command = {},
                                    const std::filesystem::path& compiled_folder = {}) {
  auto checked = check_behaviour("bank_account", component, {command}, compiled_folder);
  if (!checked) return std::unexpected(checked.error());
  return checked->front().told;
}

TEST(CheckBehaviour, ACommandOfOnesOwnIsAnsweredAndOneThatCannotBeKnownIsRefused) {
  const auto component = guests::counter();
  EXPECT_EQ(check_one(component, {}).value(), "refused as unknown");
  EXPECT_EQ(check_one(component, {"increment", "3"}).value(), "Incremented 3");
  EXPECT_THAT(check_one(component, {"reject", "{}"}).value(), HasSubstr("rejected "));
  EXPECT_EQ(check_one(component, {"nothing", "{}"}).value(), "no events");
  const auto unknown = check_one(component, {"fly", "{}"});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Code::invalid_argument);
}

TEST(CheckBehaviour, CommandsComeInOrderToTheSameEntity) {
  const auto checked = check_behaviour("bank_account", guests::counter(),
                                       {{"increment", "3"}, {"nothing", "{}"}, {"reject", "{}"}, {"increment", "4"}});
  ASSERT_TRUE(checked) << checked.error().message;
  ASSERT_EQ(checked->size(), 4u);
  EXPECT_EQ(checked->at(0).told, "Incremented 3");
  EXPECT_EQ(checked->at(1).told, "no events");
  EXPECT_TRUE(std::holds_alternative<model::Rejection>(checked->at(2).outcome));
  const auto& events = std::get<std::vector<model::NewEvent>>(checked->at(3).outcome);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events.front().data, "4");
  const auto unknown = check_behaviour("bank_account", guests::counter(), {{"increment", "3"}, {"fly", "{}"}});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Code::invalid_argument);
  EXPECT_EQ(check_behaviour("bank_account", guests::counter(), {}).value().front().known, false);
}

TEST(CheckBehaviour, AFailureNamesTheModuleAsItsUserDoes) {
  const auto answer = check_one(guests::counter(), {"trap", "1"});
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().message, AllOf(HasSubstr("module 'bank_account'"), HasSubstr("bankAccount-1")));
}

TEST(CheckBehaviour, ATrapAndABrokenContractAreFound) {
  for (const auto* command : {"trap", "loop", "recurse", "bad-json", "bad-list", "huge"}) {
    const auto answer = check_one(guests::counter(), {command, "1"});
    ASSERT_FALSE(answer) << command;
    EXPECT_EQ(answer.error().code, Code::failed_precondition) << command;
    EXPECT_THAT(answer.error().message, HasSubstr("the check fails: ")) << command;
  }
}

TEST(CheckBehaviour, WhatTheRuntimeWouldNotLoadIsNotLoaded) {
  const auto answer = check_one(guests::assemble("(component)"), {});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::failed_precondition);
  EXPECT_THAT(answer.error().message,
              AllOf(HasSubstr("the runtime would not load it"), HasSubstr("of another world"), HasSubstr("nothing")));

  // A counter in all that it exports.
  const auto importing = guests::make({.parts = {{"imports", R"((import "plugin" (core module $plugin)))"}}});
  const auto refused = check_one(importing, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::failed_precondition);
  EXPECT_THAT(refused.error().message, AllOf(HasSubstr("the runtime would not load it"), HasSubstr("plugin")));
}

// The files in `folder` with their inodes: one that is written anew is another.
std::map<std::string, ino_t> files_in(const std::filesystem::path& folder) {
  std::map<std::string, ino_t> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    struct stat status{};
    EXPECT_EQ(::stat(entry.path().c_str(), &status), 0);
    files[entry.path().filename()] = status.st_ino;
  }
  return files;
}

TEST(CheckBehaviour, WhatWasCompiledIsKeptForTheNextCheckOfTheSameModule) {
  const auto folder = TemporaryFolder::make("check-test");
  ASSERT_TRUE(folder);
  const auto compiled = folder->path() / "cache" / "compiled";
  ASSERT_EQ(check_one(guests::counter(), {}, compiled).value(), "refused as unknown");
  const auto kept = files_in(compiled);
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(check_one(guests::counter(), {"increment", "3"}, compiled).value(), "Incremented 3");
  EXPECT_EQ(files_in(compiled), kept);

  // What is damaged is compiled anew.
  std::filesystem::resize_file(compiled / kept.begin()->first, 1000);
  EXPECT_EQ(check_one(guests::counter(), {"increment", "3"}, compiled).value(), "Incremented 3");
  EXPECT_GT(std::filesystem::file_size(compiled / kept.begin()->first), 1000u);
}

TEST(CheckBehaviour, AFolderThatCannotBeUsedIsToldAndTheCheckGoesOnWithoutIt) {
  const auto folder = TemporaryFolder::make("check-test");
  ASSERT_TRUE(folder);
  const auto file = folder->path() / "file";
  ASSERT_TRUE(env::write_file_atomically(file, "in the way"));
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(check_one(guests::counter(), {"increment", "3"}, file / "compiled").value(), "Incremented 3");
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr("compiled modules are not cached"), HasSubstr(file.string())));
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
  return check_one(built->component, {"Count", "{}"});
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
  for (const auto* rule : {"++asked; return Counted{count};", "return thalo::reject(std::to_string(asked++));"}) {
    const auto changed = check_rule(rule);
    ASSERT_FALSE(changed) << rule;
    EXPECT_THAT(changed.error().message,
                AllOf(HasSubstr("rebuilt from its events is another"), HasSubstr("only apply may change the state")));
  }
}

}  // namespace
}  // namespace thalo::build
