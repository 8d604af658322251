#include "store/stream_hash.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

namespace thalo::store {
namespace {

TEST(StreamHash, NamesMadeForAnotherHashDoNotShareOne) {
  // Valid UTF-8, found in seconds: the C++ library's hash has no key.
  const std::string one = "counter-\xcc\xac\x6c\x55\xd3\x92\xc8\xb5\xcc\xae\xf4\x85\x8d\xa4\x4c\x3b";
  const std::string other = "counter-\xcc\xac\x29\x6f\x6e\x78\x70\x44\xcc\xae\x37\x6c\xf2\xbe\xa4\xac";
  ASSERT_EQ(std::hash<std::string>{}(one), std::hash<std::string>{}(other));
  EXPECT_NE(stream_hash(one), stream_hash(other));
  EXPECT_EQ(stream_hash(one), stream_hash(std::string(one)));
}

}  // namespace
}  // namespace thalo::store
