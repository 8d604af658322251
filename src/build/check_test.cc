// What `thalo build --check` finds before a runtime would.
#include "build/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "guests/guests.h"

namespace thalo::build {
namespace {

using base::Code;
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

}  // namespace
}  // namespace thalo::build
