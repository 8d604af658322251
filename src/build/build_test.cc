#include "build/build.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <fstream>

#include "build/componentize.h"
#include "build/sdk_files.h"
#include "env/files.h"

namespace thalo::build {
namespace {

namespace fs = std::filesystem;
using base::Code;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::string_view aggregate_source = R"(#include <thalo/aggregate.h>
struct Open { std::string owner; };
struct Opened { std::string owner; };
struct BankAccount {
  using Command = std::variant<Open>;
  using Event = std::variant<Opened>;
  std::string owner;
  auto handle(const Open& command) const -> thalo::Result<Event> { return Opened{command.owner}; }
  void apply(const Opened& event) { owner = event.owner; }
};
)";

// A folder to build from and one to build into. The compiler's messages are kept, and the real cache is used.
class BuildTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto made = env::make_temporary_folder("build-test");
    ASSERT_TRUE(made) << made.error().message;
    folder_ = *made;
    source_ = folder_ / "bank_account";
    fs::create_directory(source_);
    messages_ = ::open((folder_ / "messages").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  }
  void TearDown() override {
    ::close(messages_);
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  void write(const std::string& file, std::string_view content) {
    fs::create_directories((source_ / file).parent_path());
    std::ofstream(source_ / file) << content;
  }
  BuildOptions options() const {
    BuildOptions options;
    options.source = source_;
    options.output_folder = folder_ / "out";
    options.diagnostics_fd = messages_;
    return options;
  }
  std::string messages() const { return env::read_file(folder_ / "messages").value_or(""); }

  fs::path folder_;
  fs::path source_;
  int messages_ = -1;
};

TEST_F(BuildTest, TheCounterBecomesASmallComponentThatImportsNothingButTheLog) {
  auto counter = options();
  counter.source = COUNTER_FOLDER;
  const auto output = build_aggregate(counter);
  ASSERT_TRUE(output) << output.error().message << messages();
  EXPECT_EQ(output->file, folder_ / "out" / "counter.wasm");
  EXPECT_EQ(messages(), "");

  const auto component = env::read_file(output->file);
  ASSERT_TRUE(component);
  EXPECT_EQ(component->size(), output->size_bytes);
  EXPECT_LT(component->size(), 80'000u);
  const auto interfaces = interfaces_of(*component);
  ASSERT_TRUE(interfaces) << interfaces.error().message;
  EXPECT_THAT(interfaces->exports, ElementsAre("thalo:aggregate/aggregate@1.0.0"));
  EXPECT_THAT(interfaces->imports, Each(StartsWith("thalo:aggregate/log@")));
}

TEST_F(BuildTest, AProgramThatUsesFilesClocksAndPrintingStillImportsNothingButTheLog) {
  write("bank_account.cc", std::string(aggregate_source) + R"(
#include <chrono>
#include <cstdio>
#include <random>
struct Busy : BankAccount {
  auto handle(const Open& command) const -> thalo::Result<Event> {
    std::printf("opened at %lld\n", static_cast<long long>(std::chrono::system_clock::now().time_since_epoch().count()));
    if (FILE* file = std::fopen("/etc/passwd", "r")) std::fclose(file);
    return Opened{command.owner + std::to_string(std::random_device()()) + (std::getenv("HOME") ? "x" : "")};
  }
};
THALO_EXPORT(Busy)
)");
  const auto output = build_aggregate(options());
  ASSERT_TRUE(output) << output.error().message << messages();
  const auto interfaces = interfaces_of(*env::read_file(output->file));
  ASSERT_TRUE(interfaces) << interfaces.error().message;
  EXPECT_THAT(interfaces->imports, ElementsAre("thalo:aggregate/log@1.0.0"));
}

TEST_F(BuildTest, SeveralSourcesMakeOneModuleAndTestsAreLeftOut) {
  write("include/rules.h", aggregate_source);
  write("src/limit.cpp", "int limit() { return LIMIT; }\n");
  write("export.cc", "#include <rules.h>\nint limit();\nTHALO_EXPORT(BankAccount)\n");
  write("bank_account_test.cc", "this is no C++\n");
  auto with_flag = options();
  with_flag.flags = {"-DLIMIT=5"};
  const auto output = build_aggregate(with_flag);
  ASSERT_TRUE(output) << output.error().message << messages();
  EXPECT_EQ(output->file.filename(), "bank_account.wasm");
}

TEST_F(BuildTest, ASyntaxErrorShowsTheCompilersOwnMessageAndLeavesTheOldModule) {
  fs::create_directory(folder_ / "out");
  std::ofstream(folder_ / "out" / "bank_account.wasm") << "the old one";
  write("bank_account.cc", "#include <thalo/aggregate.h>\nstruct Open { std::string owner }\n");
  const auto output = build_aggregate(options());
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().code, Code::invalid_argument);
  EXPECT_THAT(output.error().message, HasSubstr("compiling bank_account.cc failed"));
  EXPECT_THAT(messages(), AllOf(HasSubstr("bank_account.cc:2:"), HasSubstr("error: expected ';'")));
  EXPECT_EQ(*env::read_file(folder_ / "out" / "bank_account.wasm"), "the old one");
}

TEST_F(BuildTest, AMissingApplyIsNamedAtCompileTime) {
  write("bank_account.cc", std::string(aggregate_source) + R"(
struct Forgetful {
  using Command = std::variant<Open>;
  using Event = std::variant<Opened>;
  auto handle(const Open& command) const -> thalo::Result<Event> { return Opened{command.owner}; }
};
THALO_EXPORT(Forgetful)
)");
  ASSERT_FALSE(build_aggregate(options()));
  EXPECT_THAT(messages(), AllOf(HasSubstr("the aggregate has no `void apply(const Event&)` for this event"),
                                HasSubstr("Forgetful"), HasSubstr("Opened")));
}

TEST_F(BuildTest, ForgettingTheExportIsSaid) {
  write("bank_account.cc", aggregate_source);
  const auto output = build_aggregate(options());
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().code, Code::failed_precondition);
  EXPECT_THAT(output.error().message, HasSubstr("THALO_EXPORT"));
}

TEST_F(BuildTest, AFolderWithoutSourcesIsNamed) {
  write("README.md", "nothing here");
  const auto output = build_aggregate(options());
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().code, Code::not_found);
  EXPECT_THAT(output.error().message, HasSubstr(source_.string()));
  source_ = folder_ / "elsewhere";
  EXPECT_EQ(build_aggregate(options()).error().code, Code::not_found);
}

TEST_F(BuildTest, ANameThatIsNoModuleIsRefused) {
  write("bank_account.cc", aggregate_source);
  for (const auto* name : {"../escape", "a/b", "..", "sp ace", "naïve", "-"}) {
    auto bad = options();
    bad.name = name;
    const auto output = build_aggregate(bad);
    ASSERT_FALSE(output) << name;
    EXPECT_EQ(output.error().code, Code::invalid_argument) << name;
  }
}

TEST_F(BuildTest, WithoutACompilerTheErrorSaysWhatToInstall) {
  write("bank_account.cc", aggregate_source);
  auto nothing = options();
  nothing.search = {};
  const auto output = build_aggregate(nothing);
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().code, Code::not_found);
  EXPECT_THAT(output.error().message,
              AllOf(HasSubstr("apt-get install clang-19"), HasSubstr("pip install ziglang"), HasSubstr("wasi-sdk")));
}

TEST_F(BuildTest, ANamedCompilerThatCannotDoItIsNamed) {
  write("bank_account.cc", aggregate_source);
  auto wrong = options();
  wrong.search.compiler = "/bin/false";
  EXPECT_THAT(build_aggregate(wrong).error().message, HasSubstr("/bin/false"));
  wrong.search.compiler = "no-such-compiler";
  EXPECT_THAT(build_aggregate(wrong).error().message, HasSubstr("no-such-compiler"));
}

TEST_F(BuildTest, ACacheThatCannotBeWrittenNamesTheSettingThatChangesIt) {
  write("bank_account.cc", aggregate_source);
  std::ofstream(folder_ / "file") << "";
  auto no_cache = options();
  no_cache.cache_folder = folder_ / "file" / "cache";
  const auto output = build_aggregate(no_cache);
  ASSERT_FALSE(output);
  EXPECT_THAT(output.error().message, AllOf(HasSubstr(no_cache.cache_folder.string()), HasSubstr("set THALO_CACHE")));
  EXPECT_FALSE(output.error().retryable());
}

TEST_F(BuildTest, HeadersOfOtherVersionsAreRemovedWhenNobodyHasUsedThemForLong) {
  const auto cache = folder_ / "cache";
  for (const auto* name : {"forgotten", "in_use"}) {
    fs::create_directories(cache / "sdk" / name / "thalo");
    std::ofstream(cache / "sdk" / name / "thalo" / "aggregate.h") << "";
  }
  const auto now = fs::file_time_type::clock::now();
  fs::last_write_time(cache / "sdk" / "forgotten", now - std::chrono::hours(24 * 40));
  const auto include = sdk_include_folder(cache);
  ASSERT_TRUE(include) << include.error().message;
  EXPECT_FALSE(fs::exists(cache / "sdk" / "forgotten"));
  EXPECT_TRUE(fs::exists(cache / "sdk" / "in_use"));
  EXPECT_TRUE(fs::exists(*include / "thalo" / "aggregate.h"));
}

TEST_F(BuildTest, AnEditedHeaderInTheCacheIsPutRight) {
  const auto cache = folder_ / "cache";
  const auto include = sdk_include_folder(cache);
  ASSERT_TRUE(include) << include.error().message;
  const auto header = *include / "thalo" / "aggregate.h";
  const auto content = env::read_file(header);
  ASSERT_TRUE(content);
  std::ofstream(header) << "edited";
  ASSERT_TRUE(sdk_include_folder(cache));
  EXPECT_EQ(*env::read_file(header), *content);
}

}  // namespace
}  // namespace thalo::build
