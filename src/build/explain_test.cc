// What somebody reads first who has broken one of the SDK's rules, with the compiler that is really there.
#include "build/explain.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "build/build.h"
#include "env/files.h"

namespace thalo::build {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ExplainTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto made = env::make_temporary_folder("explain-test");
    ASSERT_TRUE(made) << made.error().message;
    folder_ = *made;
    fs::create_directory(folder_ / "account");
  }
  void TearDown() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  std::string file(const std::string& name) const { return (folder_ / "account" / name).string(); }
  void write(const std::string& name, std::string_view content) { std::ofstream(file(name)) << content; }
  // What is shown for an aggregate with these parts; the export stands in line 11.
  std::string shown_for(const std::string& command, const std::string& handle, const std::string& apply) {
    write("account.cc", "#include <thalo/aggregate.h>\n" + command +
                            "\n"
                            "struct Opened { std::string owner; };\n"
                            "struct Account {\n"
                            "  using Command = std::variant<Open>;\n"
                            "  using Event = std::variant<Opened>;\n"
                            "  std::string owner;\n" +
                            handle + "\n" + apply +
                            "\n"
                            "};\n"
                            "THALO_EXPORT(Account)\n");
    return shown();
  }
  std::string shown() {
    const int messages = ::open((folder_ / "messages").c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    BuildOptions options;
    options.source = folder_ / "account";
    options.output_folder = folder_ / "out";
    options.diagnostics_fd = messages;
    const auto output = build_aggregate(options);
    ::close(messages);
    EXPECT_FALSE(output);
    if (!output) error_ = output.error().message;
    return env::read_file(folder_ / "messages").value_or("");
  }

  fs::path folder_;
  std::string error_;
};

constexpr const char* open_command = "struct Open { std::string owner; };";
constexpr const char* handle_open =
    "  auto handle(const Open& command) const -> thalo::Result<Event> { return Opened{command.owner}; }";
constexpr const char* apply_opened = "  void apply(const Opened& event) { owner = event.owner; }";

TEST_F(ExplainTest, AMissingHandle) {
  const auto text = shown_for(open_command, "", apply_opened);
  EXPECT_THAT(text, StartsWith(file("account.cc") + ":11: Open: the aggregate has no `auto handle("));
  EXPECT_THAT(text, HasSubstr(" says:\n")) << "the compiler's own words follow";
  EXPECT_THAT(error_, HasSubstr("account.cc:11: Open: the aggregate has no `auto handle("));
}

TEST_F(ExplainTest, AMissingApply) {
  EXPECT_THAT(shown_for(open_command, handle_open, ""),
              StartsWith(file("account.cc") + ":11: Opened: the aggregate has no `void apply(const Event&)`"));
}

TEST_F(ExplainTest, AFieldWithoutJson) {
  const auto text = shown_for("struct Open { std::string owner; void* place; };", handle_open, apply_opened);
  EXPECT_THAT(text, StartsWith(file("account.cc") + ":11: Open: a field of this type has no JSON"));
}

TEST_F(ExplainTest, AHandleThatReturnsNoEvent) {
  EXPECT_THAT(shown_for(open_command, "  auto handle(const Open& command) const { return command; }", apply_opened),
              StartsWith(file("account.cc") + ":11: Open: `handle` must return an event of the aggregate"));
}

TEST_F(ExplainTest, ACommandWithAConstructor) {
  EXPECT_THAT(shown_for("struct Open { Open() {} std::string owner; };", handle_open, apply_opened),
              StartsWith(file("account.cc") + ":11: Open: this command must be a plain struct"));
}

TEST_F(ExplainTest, TwoExportsInOneProgram) {
  const std::string aggregate = std::string("#include <thalo/aggregate.h>\n") + open_command +
                                "\nstruct Opened { std::string owner; };\nstruct Account {\n  using Command = "
                                "std::variant<Open>;\n  using Event = std::variant<Opened>;\n  std::string owner;\n" +
                                handle_open + "\n" + apply_opened + "\n};\nTHALO_EXPORT(Account)\n";
  write("account.cc", aggregate + "struct Other : Account {};\nTHALO_EXPORT(Other)\n");
  EXPECT_THAT(shown(), HasSubstr(file("account.cc") + ":11, " + file("account.cc") +
                                 ":13: THALO_EXPORT is there more than once"));
  write("account.cc", aggregate);
  write("second.cc", aggregate);
  EXPECT_THAT(shown(), StartsWith(file("account.cc") + ":11, " + file("second.cc") +
                                  ":11: THALO_EXPORT is there more than once"));
  EXPECT_THAT(error_, HasSubstr("THALO_EXPORT is there more than once"));
}

TEST_F(ExplainTest, APlainMistakeIsLeftToTheCompiler) {
  const auto text = shown_for("struct Open { std::string owner }", handle_open, apply_opened);
  EXPECT_THAT(text, HasSubstr("account.cc:2:32: error: expected ';'"));
  EXPECT_THAT(error_, HasSubstr("says why above"));
}

}  // namespace
}  // namespace thalo::build
