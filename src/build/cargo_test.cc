// Which target a Rust builds aggregates for, from the folders of its installation.
#include "build/cargo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <initializer_list>

#include "build/temporary_folder.h"
#include "env/files.h"

namespace thalo::build {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* sources = "src/rust/library/std";

// The choice of a rustc that has these folders below lib/rustlib, each as rustup lays it out.
base::Result<CargoTarget> choice(std::initializer_list<const char*> installed, bool has_linker) {
  const auto sysroot = TemporaryFolder::make("cargo-test");
  if (!sysroot) return std::unexpected(sysroot.error());
  const auto rustlib = sysroot->path() / "lib" / "rustlib";
  fs::create_directories(rustlib / "x86_64-unknown-linux-gnu" / "lib");
  for (const std::string name : installed) {
    const auto folder = name == sources ? rustlib / name : rustlib / name / "lib";
    fs::create_directories(folder);
    if (name == sources && !env::write_file_atomically(folder / "Cargo.toml", "[package]"))
      return base::fail(base::Code::internal, "cannot write " + folder.string());
  }
  return choose_target(sysroot->path(), has_linker);
}

TEST(ChooseTarget, ATargetWithoutAnOperatingSystemComesFirst) {
  for (const bool has_linker : {false, true}) {
    const auto all = choice({"wasm32-wasip1", "wasm32-wasip2", "wasm32-unknown-unknown", sources}, has_linker);
    ASSERT_TRUE(all) << all.error().message;
    EXPECT_EQ(all->name, "wasm32-unknown-unknown");
    EXPECT_FALSE(all->builds_std);
    const auto wasi = choice({"wasm32-wasip1", "wasm32-wasip2", sources}, has_linker);
    ASSERT_TRUE(wasi) << wasi.error().message;
    EXPECT_EQ(wasi->name, "wasm32-wasip1");
    EXPECT_FALSE(wasi->builds_std);
  }
}

TEST(ChooseTarget, TheStandardLibrarysSourcesDoWithALinker) {
  for (const auto& installed : {std::initializer_list<const char*>{sources}, {"wasm32-wasip2", sources}}) {
    const auto built = choice(installed, true);
    ASSERT_TRUE(built) << built.error().message;
    EXPECT_EQ(built->name, "wasm32-unknown-unknown");
    EXPECT_TRUE(built->builds_std);
  }
  const auto missing = choice({sources}, false);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, base::Code::not_found);
  EXPECT_THAT(missing.error().message, HasSubstr("wasm-ld"));
}

TEST(ChooseTarget, WhoHasOnlyWasip2IsToldWhatToAdd) {
  const auto only = choice({"wasm32-wasip2"}, true);
  ASSERT_FALSE(only);
  EXPECT_EQ(only.error().code, base::Code::not_found);
  EXPECT_THAT(only.error().message, AllOf(HasSubstr("only wasm32-wasip2"), HasSubstr("import WASI"),
                                          HasSubstr("rustup target add wasm32-unknown-unknown")));
}

TEST(ChooseTarget, NothingForWebAssemblyIsNotFound) {
  const auto nothing = choice({}, true);
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().code, base::Code::not_found);
  EXPECT_THAT(nothing.error().message, AllOf(HasSubstr("wasm32-unknown-unknown"), Not(HasSubstr("wasip2"))));
}

}  // namespace
}  // namespace thalo::build
