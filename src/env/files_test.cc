#include "env/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace thalo::env {
namespace {

using testing::HasSubstr;

class FilesTest : public testing::Test {
 protected:
  void SetUp() override { folder_ = make_temporary_folder("thalo-files-").value(); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST_F(FilesTest, WritesAndReplacesAWholeFile) {
  const auto path = folder_ / "a";
  ASSERT_TRUE(write_file_atomically(path, "one"));
  ASSERT_TRUE(write_file_atomically(path, std::string(300000, 'x')));
  EXPECT_EQ(read_file(path).value(), std::string(300000, 'x'));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1) << "no temporary file stays behind";
}

TEST_F(FilesTest, ErrorsNameTheFileAndTheReason) {
  const auto missing = read_file(folder_ / "missing");
  EXPECT_EQ(missing.error().code, base::Code::not_found);
  EXPECT_THAT(missing.error().message, HasSubstr((folder_ / "missing").string()));
  EXPECT_EQ(read_file(folder_).error().code, base::Code::invalid_argument);
  EXPECT_EQ(write_file_atomically(folder_ / "no" / "file", "x").error().code, base::Code::not_found);
  ASSERT_TRUE(write_file_atomically(folder_ / "big", std::string(11, 'x')));
  EXPECT_EQ(read_file(folder_ / "big", 10).error().code, base::Code::resource_exhausted);
}

}  // namespace
}  // namespace thalo::env
