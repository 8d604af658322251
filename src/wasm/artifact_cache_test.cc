// Compiled components on disk: used when they are whole and ours, never otherwise.
#include "wasm/artifact_cache.h"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "env/files.h"
#include "wasm/digest.h"
#include "wasm/test_support.h"

namespace thalo::wasm {
namespace {

using namespace testing;
namespace files = std::filesystem;

class Cache : public ::testing::Test {
 protected:
  ~Cache() override {
    std::error_code ignored;
    files::permissions(root, files::perms::owner_all, ignored);
    files::remove_all(root, ignored);
  }
  std::vector<files::path> entries() const {
    std::vector<files::path> found;
    for (const auto& entry : files::directory_iterator(folder)) found.push_back(entry.path());
    return found;
  }
  // Whether a fresh engine loads the counter and the counter counts.
  bool works() const {
    auto engine = make_wasmtime_engine({.cache_folder = folder}).value();
    auto module = engine->load("counter", guests::counter());
    if (!module) return false;
    auto instance = instantiate(**module);
    Counter counter(*instance);
    return counter.increment(3) && counter.count() == "3";
  }
  static void overwrite(const files::path& path, const std::string& content) {
    std::ofstream(path, std::ios::binary) << content;
  }

  const files::path root = env::make_temporary_folder("thalo-cache-test-").value();
  const files::path folder = root / "deep" / "cache";
};

TEST_F(Cache, AnEntryIsKeptForUsAloneAndUsedAgain) {
  ASSERT_TRUE(works());
  ASSERT_EQ(entries().size(), 1U);
  EXPECT_EQ(files::status(folder).permissions() & files::perms::all, files::perms::owner_all);
  const auto written = files::last_write_time(entries()[0]);
  EXPECT_TRUE(works());
  EXPECT_EQ(files::last_write_time(entries()[0]), written);
}

TEST_F(Cache, ADamagedEntryIsCompiledAgainAndReplaced) {
  ASSERT_TRUE(works());
  const auto path = entries()[0];
  const std::string whole = env::read_file(path).value();
  std::vector<std::string> damaged = {
      "", "x", whole.substr(0, 100), whole.substr(0, whole.size() / 2), whole.substr(0, whole.size() - 1), whole + "x"};
  for (std::size_t at = 0; at < whole.size(); at += whole.size() / 20) {
    damaged.push_back(whole);
    damaged.back()[at] ^= 1;
  }
  for (const auto& content : damaged) {
    overwrite(path, content);
    EXPECT_TRUE(works());
    EXPECT_EQ(env::read_file(path).value(), whole) << "the entry is whole again";
  }
}

TEST_F(Cache, AnEntryOfAnotherComponentOrAnotherEngineIsNotUsed) {
  const ArtifactCache ours(folder, "engine 1");
  const std::string digest = sha256_hex("a component");
  ours.keep(digest, "code");
  EXPECT_EQ(ours.find(digest), "code");
  EXPECT_EQ(ArtifactCache(folder, "engine 2").find(digest), std::nullopt);
  const std::string other = sha256_hex("another component");
  files::path renamed = entries()[0];
  renamed.replace_filename(other + renamed.filename().string().substr(64));
  files::rename(entries()[0], renamed);
  EXPECT_EQ(ours.find(other), std::nullopt);
}

TEST_F(Cache, CompiledCodeThatWasmtimeRefusesIsCompiledAgain) {
  ASSERT_TRUE(works());
  const std::string whole = env::read_file(entries()[0]).value();
  // A well-formed entry, as another build of the engine could have left it.
  std::string header = whole.substr(0, whole.find('\n') + 1 + 65 + 65);
  overwrite(entries()[0], header + sha256_hex("not compiled code") + "\nnot compiled code");
  EXPECT_TRUE(works());
  EXPECT_EQ(env::read_file(entries()[0]).value(), whole);
}

TEST_F(Cache, AFolderThatOthersMayWriteToIsNotTrusted) {
  files::create_directories(folder);
  ASSERT_EQ(::chmod(folder.c_str(), 0777), 0);
  ::testing::internal::CaptureStderr();
  EXPECT_TRUE(works());
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), AllOf(HasSubstr("not cached"), HasSubstr("chmod 700")));
  EXPECT_TRUE(entries().empty());
}

TEST_F(Cache, AFolderThatCannotBeMadeIsAWarning) {
  overwrite(root / "file", "");
  ::testing::internal::CaptureStderr();
  auto engine = make_wasmtime_engine({.cache_folder = root / "file" / "cache"}).value();
  EXPECT_TRUE(engine->load("counter", guests::counter()));
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), AllOf(HasSubstr("WARN"), HasSubstr("file")));
}

TEST_F(Cache, TheOldestEntriesGo) {
  const ArtifactCache cache(folder, "engine");
  for (std::size_t i = 0; i < ArtifactCache::entries_max + 10; ++i) cache.keep(sha256_hex(std::to_string(i)), "code");
  EXPECT_EQ(entries().size(), ArtifactCache::entries_max);
  EXPECT_EQ(cache.find(sha256_hex(std::to_string(ArtifactCache::entries_max + 9))), "code");
}

TEST(Digest, IsSha256) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace thalo::wasm
