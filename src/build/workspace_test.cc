// Where `thalo build` looks, what `thalo new` makes, and what `--watch` notices.
#include "build/workspace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "build/language.h"
#include "build/scaffold.h"
#include "build/source_watch.h"
#include "env/files.h"

namespace thalo::build {
namespace {

namespace fs = std::filesystem;
using base::Code;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class WorkspaceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto made = env::make_temporary_folder("workspace-test");
    ASSERT_TRUE(made) << made.error().message;
    folder_ = *made;
    ASSERT_EQ(::pipe(interrupt_), 0);
  }
  void TearDown() override {
    ::close(interrupt_[0]);
    ::close(interrupt_[1]);
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  void write(const fs::path& file, std::string_view content = "//") const {
    fs::create_directories((folder_ / file).parent_path());
    std::ofstream(folder_ / file) << content;
  }
  base::Result<fs::path> find(const std::string& source) const { return find_in_workspace(folder_, source); }
  void interrupt() const { ASSERT_EQ(::write(interrupt_[1], "x", 1), 1); }

  fs::path folder_;
  int interrupt_[2] = {-1, -1};
};

// Finding.

TEST_F(WorkspaceTest, ANameIsFoundHereAndInExamplesAndInAggregates) {
  write("one/one.cc");
  write("examples/two/src/two.cpp");
  write("aggregates/three/three.cxx");
  EXPECT_EQ(find("one").value(), "one");
  EXPECT_EQ(find("two").value(), "examples/two");
  EXPECT_EQ(find("three").value(), "aggregates/three");
}

TEST_F(WorkspaceTest, AFolderWithoutSourcesIsNotMeant) {
  write("counter/notes.txt");
  write("counter/counter_test.cc");
  write("examples/counter/counter.cc");
  EXPECT_EQ(find("counter").value(), "examples/counter");
}

TEST_F(WorkspaceTest, APathOrAFileIsTakenAsItIs) {
  write("counter.cc");
  for (const char* path : {".", "..", "./nothing", "/no/such/folder", "counter.cc"})
    EXPECT_EQ(find(path).value(), path);
}

TEST_F(WorkspaceTest, SeveralOfANameAreAllNamed) {
  write("counter/counter.cc");
  write("aggregates/counter/counter.cc");
  const auto found = find("counter");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Code::failed_precondition);
  EXPECT_THAT(found.error().message, HasSubstr("./counter, ./aggregates/counter"));
}

TEST_F(WorkspaceTest, ANameThatIsNotThereIsToldWithThoseThatAre) {
  EXPECT_THAT(find("shop").error().message, AllOf(HasSubstr("'shop'"), HasSubstr("thalo new shop")));
  write("one/one.cc");
  write("examples/two/two.cc");
  write("docs/notes.txt");
  const auto error = find("shop").error();
  EXPECT_EQ(error.code, Code::not_found);
  EXPECT_THAT(error.message, AllOf(HasSubstr("there are: one, two"), Not(HasSubstr("docs"))));
}

// Making.

TEST_F(WorkspaceTest, AScaffoldHasItsNamesInPlace) {
  const auto made = make_scaffold(folder_, "bank_account", "cpp");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_THAT(made->files,
              ElementsAre(".gitignore", "CMakeLists.txt", "README.md", "bank_account.cc", "bank_account_test.cc"));
  EXPECT_EQ(made->category, "bankAccount");
  EXPECT_EQ(made->type, "BankAccount");
  for (const auto& file : made->files) {
    const auto content = env::read_file(made->folder / file);
    ASSERT_TRUE(content);
    EXPECT_THAT(*content, AllOf(Not(HasSubstr("@")), Not(HasSubstr("aggregate.cc")))) << file;
  }
  EXPECT_THAT(env::read_file(made->folder / "bank_account.cc").value(), HasSubstr("THALO_EXPORT(BankAccount)"));
}

TEST_F(WorkspaceTest, AScaffoldOverwritesNothing) {
  write("shop/precious.txt", "precious");
  write("file", "precious");
  for (const char* name : {"shop", "file"}) {
    const auto made = make_scaffold(folder_, name, "cpp");
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, Code::already_exists);
    EXPECT_THAT(made.error().message, HasSubstr(name));
  }
  EXPECT_EQ(env::read_file(folder_ / "shop/precious.txt").value(), "precious");
  EXPECT_EQ(env::read_file(folder_ / "file").value(), "precious");
  EXPECT_FALSE(fs::exists(folder_ / "shop" / "shop.cc"));
}

TEST_F(WorkspaceTest, IllegalNamesAndUnknownLanguagesAreNamed) {
  for (const std::string name :
       {"", "Shop", "1shop", "_shop", "my shop", "../shop", "shop/x", "shop.x", "größe", "x\n"})
    EXPECT_EQ(make_scaffold(folder_, name, "cpp").error().code, Code::invalid_argument) << name;
  EXPECT_THAT(make_scaffold(folder_, "../shop", "cpp").error().message, HasSubstr("'../shop'"));
  EXPECT_FALSE(make_scaffold(folder_, std::string(65, 'x'), "cpp"));
  EXPECT_THAT(make_scaffold(folder_, "shop_test", "cpp").error().message, HasSubstr("_test"));
  EXPECT_THAT(make_scaffold(folder_, "shop", "cobol").error().message,
              AllOf(HasSubstr("'cobol'"), HasSubstr("there are: c, cpp, go, ")));
  EXPECT_THAT(make_scaffold(folder_ / "nowhere", "shop", "cpp").error().message, HasSubstr("nowhere/shop"));
  EXPECT_TRUE(fs::is_empty(folder_));
}

// Watching.

TEST_F(WorkspaceTest, AChangedSourceOrHeaderIsNoticed) {
  write("shop/shop.cc");
  auto watch = SourceWatch::start(folder_ / "shop", cpp_language());
  ASSERT_TRUE(watch) << watch.error().message;
  for (const char* file : {"shop/shop.cc", "shop/new.h", "shop/include/deep/er.hpp"}) {
    write(file, "changed");
    const auto changed = watch->wait(interrupt_[0]);
    ASSERT_TRUE(changed) << changed.error().message;
    EXPECT_EQ(*changed, Woken::changed) << file;
  }
  fs::rename(folder_ / "shop/new.h", folder_ / "elsewhere");
  EXPECT_EQ(watch->wait(interrupt_[0]).value(), Woken::changed);
  interrupt();
  EXPECT_EQ(watch->wait(interrupt_[0]).value(), Woken::interrupted);
}

TEST_F(WorkspaceTest, AWaitEndsAfterItsTimeAndNoChangeIsLostByIt) {
  write("shop/shop.cc");
  auto watch = SourceWatch::start(folder_ / "shop", cpp_language());
  ASSERT_TRUE(watch);
  EXPECT_EQ(watch->wait(interrupt_[0], std::chrono::milliseconds(1)).value(), Woken::timed_out);
  write("shop/shop.cc", "changed");
  EXPECT_EQ(watch->wait(interrupt_[0], std::chrono::milliseconds(0)).value(), Woken::changed);
}

// What it is to ignore is done first; were it noticed, the wait would say so before it says that it was interrupted.
TEST_F(WorkspaceTest, WhatIsNoSourceIsNotNoticed) {
  write("shop/shop.cc");
  write("shop/build/CMakeCache.txt");
  auto watch = SourceWatch::start(folder_ / "shop", cpp_language());
  ASSERT_TRUE(watch);
  for (const char* file : {"shop/notes.txt", "shop/.shop.cc.swp", "shop/.git/x.cc", "shop/shop_test.cc",
                           "shop/modules/shop.wasm", "shop/build/x.cc"})
    write(file, "changed");
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    interrupt();
  });
  EXPECT_EQ(watch->wait(interrupt_[0]).value(), Woken::interrupted);
  later.join();
}

TEST_F(WorkspaceTest, AFileWatchesItsFolderAndAFolderThatGoesIsTold) {
  write("shop/shop.cc");
  auto watch = SourceWatch::start(folder_ / "shop" / "shop.cc", cpp_language());
  ASSERT_TRUE(watch);
  write("shop/shop.cc", "changed");
  EXPECT_EQ(watch->wait(interrupt_[0]).value(), Woken::changed);
  fs::remove_all(folder_ / "shop");
  const auto gone = watch->wait(interrupt_[0]);
  EXPECT_TRUE(!gone || !watch->wait(interrupt_[0]));
  EXPECT_EQ(SourceWatch::start(folder_ / "shop", cpp_language()).error().code, Code::not_found);
}

}  // namespace
}  // namespace thalo::build
