// How `thalo build` tells the languages apart, and what Rust's own tool adds.
#include "build/language.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "build/temporary_folder.h"
#include "build/tools.h"

namespace thalo::build {
namespace {

namespace fs = std::filesystem;
using base::Code;
using ::testing::AllOf;
using ::testing::HasSubstr;

class LanguageTest : public ::testing::Test {
 protected:
  void write(const fs::path& file, std::string_view content = "") const {
    fs::create_directories((folder() / file).parent_path());
    std::ofstream(folder() / file) << content;
  }
  const fs::path& folder() const { return folder_->path(); }
  std::string found(const fs::path& source, std::string_view name = {}) const {
    const auto language = language_of(folder() / source, name);
    return language ? std::string((*language)->name()) : language.error().message;
  }

  base::Result<TemporaryFolder> folder_ = TemporaryFolder::make("language-test");
};

TEST_F(LanguageTest, FilesTellTheLanguage) {
  write("one/one.cc");
  write("two/Cargo.toml", "[package]\nname = \"two-things\"\n");
  EXPECT_EQ(found("one"), "cpp");
  EXPECT_EQ(found("one/one.cc"), "cpp");
  EXPECT_EQ(found("two"), "rust");
  EXPECT_EQ(found("two/Cargo.toml"), "rust");
}

TEST_F(LanguageTest, TheProjectFileOfAToolIsSurerThanSourcesBesideIt) {
  write("mixed/Cargo.toml");
  write("mixed/native.cc");
  EXPECT_EQ(found("mixed"), "rust");
  EXPECT_EQ(found("mixed", "c++"), "cpp");
  EXPECT_EQ(found("mixed", "rs"), "rust");
}

TEST_F(LanguageTest, WhatIsNoneIsToldWithWhatWouldBeOne) {
  write("notes/README.md");
  EXPECT_THAT(found("notes"),
              AllOf(HasSubstr("no aggregate in"), HasSubstr("C++: *.cc"), HasSubstr("Rust: Cargo.toml")));
  EXPECT_THAT(found("nowhere"), HasSubstr("nowhere"));
  write("one/one.cc");
  EXPECT_THAT(found("one", "rust"), AllOf(HasSubstr("no aggregate in Rust"), HasSubstr("Cargo.toml")));
  EXPECT_THAT(found("one", "cobol"), AllOf(HasSubstr("'cobol'"), HasSubstr("cpp"), HasSubstr("rust")));
  EXPECT_EQ(language_of(folder() / "one", "cobol").error().code, Code::invalid_argument);
}

TEST_F(LanguageTest, EveryLanguageIsFoundByItsNameAndMatchesNoEmptyFolder) {
  for (const auto* language : languages()) {
    EXPECT_EQ(find_language(language->name()), language);
    EXPECT_EQ(language->match(folder()), Match::none) << language->name();
    EXPECT_EQ(std::ranges::count(languages(), language->title(), [](const auto* one) { return one->title(); }), 1);
  }
}

TEST_F(LanguageTest, APackagesNameIsTheModules) {
  write("folder/Cargo.toml",
        "# a comment\n[package]\nedition = \"2021\"\nname = \"bank-account\"\n[lib]\nname = \"other\"\n");
  EXPECT_EQ(rust_language().module_name(folder() / "folder"), "bank_account");
  write("plain/Cargo.toml", "[workspace]\n");
  EXPECT_EQ(rust_language().module_name(folder() / "plain"), "plain");
}

TEST_F(LanguageTest, OnlyRustsOwnSourcesAreWatched) {
  for (const auto* file : {"src/lib.rs", "Cargo.toml", "Cargo.lock"})
    EXPECT_TRUE(rust_language().watches(file)) << file;
  for (const auto* file : {"README.md", "src/lib.rs.bk"}) EXPECT_FALSE(rust_language().watches(file)) << file;
  write("target/CACHEDIR.TAG");
  write("src/lib.rs");
  EXPECT_TRUE(rust_language().is_output_folder(folder() / "target"));
  EXPECT_FALSE(rust_language().is_output_folder(folder() / "src"));
}

TEST_F(LanguageTest, WhatAToolKeepsIsRemovedWhenItIsTooLarge) {
  write("target/release/one", std::string(600, 'x'));
  write("target/release/deps/two", std::string(400, 'x'));
  write("beside", std::string(5000, 'x'));
  fs::create_symlink(folder() / "beside", folder() / "target" / "link");
  EXPECT_FALSE(remove_when_larger(folder() / "target", 1000));
  EXPECT_TRUE(fs::exists(folder() / "target/release/deps/two"));
  EXPECT_TRUE(remove_when_larger(folder() / "target", 999));
  EXPECT_FALSE(fs::exists(folder() / "target"));
  EXPECT_TRUE(fs::exists(folder() / "beside"));
  EXPECT_FALSE(remove_when_larger(folder() / "target", 0)) << "nothing is not too large";
}

}  // namespace
}  // namespace thalo::build
