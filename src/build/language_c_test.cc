// What `thalo build` says of mistakes in C, and what a module of C tells the runtime.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "build/build.h"
#include "build/check.h"
#include "env/files.h"

namespace thalo::build {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr std::string_view functions = R"(#include <thalo.h>
static void handle(const void *state, const thalo_message *command, const thalo_context *context, thalo_answer *answer) {
  (void)context;
  if (thalo_is(command, "Change")) ++*(long long *)state;
  if (thalo_is(command, "Park") && thalo_string(command, "plate").size == 0) thalo_reject(answer, "NoPlate");
}
__attribute__((unused)) static void apply(void *state, const thalo_message *event) { (void)state, thalo_is(event, "Parked"); }
__attribute__((unused)) static void snapshot(const void *state, thalo_answer *out) { (void)state, (void)out; }
__attribute__((unused)) static void restore(void *state, const thalo_message *in) { (void)state, (void)in; }
)";

class LanguageCTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto made = env::make_temporary_folder("language-c-test");
    ASSERT_TRUE(made) << made.error().message;
    folder_ = *made;
    messages_ = ::open((folder_ / "messages").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  }
  void TearDown() override {
    ::close(messages_);
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  // An aggregate with these members.
  base::Result<BuildOutput> build(const std::string& declared, const std::string& members) {
    const auto source = folder_ / "lot";
    fs::create_directories(source);
    std::ofstream(source / "lot.c") << functions << declared << " lot = {.size = 8" << members
                                    << "};\nTHALO_EXPORT(lot)\n";
    BuildOptions options;
    options.source = source;
    options.output_folder = folder_;
    options.diagnostics_fd = messages_;
    return build_aggregate(options);
  }
  std::string messages() const { return env::read_file(folder_ / "messages").value_or(""); }

  fs::path folder_;
  int messages_ = -1;
};

TEST_F(LanguageCTest, WhatAnAggregateCannotDoWithoutIsMissedWhileCompiling) {
  const std::pair<const char*, const char*> mistakes[] = {
      {", .apply = apply", "the thalo_aggregate has no .handle"},
      {", .handle = handle", "the thalo_aggregate has no .apply"},
      {", .handle = handle, .apply = apply, .snapshot_format = \"1\", .restore = restore",
       "the thalo_aggregate has a .snapshot_format but no .snapshot"},
      {", .handle = handle, .apply = apply, .snapshot_format = \"1\", .snapshot = snapshot",
       "the thalo_aggregate has a .snapshot_format but no .restore"}};
  for (const auto& [members, message] : mistakes) {
    EXPECT_FALSE(build("const thalo_aggregate", members)) << message;
    EXPECT_THAT(messages(), HasSubstr(message));
  }
}

// The compiler cannot know what a variable holds at the end; the runtime does not load what is missing something.
TEST_F(LanguageCTest, WhatIsMissingInAVariableIsFoundWhenItIsLoaded) {
  const auto output = build("thalo_aggregate", ", .handle = handle");
  ASSERT_TRUE(output) << output.error().message << messages();
  ::testing::internal::CaptureStderr();
  const auto checked = check_behaviour("park", *env::read_file(output->file), {});
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("the thalo_aggregate has no .apply"));
  ASSERT_FALSE(checked);
  EXPECT_THAT(checked.error().message, HasSubstr("would not load it"));
}

TEST_F(LanguageCTest, AHandlerThatRefusesAfterABadReadStillCannotReadTheCommand) {
  const auto output = build("const thalo_aggregate", ", .handle = handle, .apply = apply");
  ASSERT_TRUE(output) << output.error().message << messages();
  const auto checked = check_behaviour("park", *env::read_file(output->file), {{.name = "Park", .payload = "{}"}});
  ASSERT_FALSE(checked);
  EXPECT_THAT(checked.error().message, HasSubstr("'Park': missing field `plate`"));
}

TEST_F(LanguageCTest, AHandlerThatChangesTheStateFailsAlsoWithoutSnapshots) {
  const auto output = build("const thalo_aggregate", ", .handle = handle, .apply = apply");
  ASSERT_TRUE(output) << output.error().message << messages();
  const auto checked = check_behaviour("park", *env::read_file(output->file), {{.name = "Change", .payload = "{}"}});
  ASSERT_FALSE(checked);
  EXPECT_THAT(checked.error().message, HasSubstr("handle changed the state, which only apply may"));
}

}  // namespace
}  // namespace thalo::build
