#include "net/byte_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>

namespace thalo::net {
namespace {

constexpr std::size_t large = 2000;

std::string text_of(const ByteQueue& queue) {
  std::string_view parts[100];
  std::string out;
  const std::size_t count = queue.front(parts);
  for (std::size_t part = 0; part < count; ++part) out += parts[part];
  return out;
}

BytesPart shared_part(const std::shared_ptr<const std::string>& text) { return {*text, text}; }

TEST(ByteQueue, KeepsTheOrderOfCopiedAndSharedBytes) {
  const auto text = std::make_shared<const std::string>(large, 's');
  ByteQueue queue;
  queue.append("before ");
  queue.append(shared_part(text));
  queue.append(" after");
  EXPECT_EQ(text_of(queue), "before " + *text + " after");
  EXPECT_EQ(queue.size(), large + 13);
  EXPECT_EQ(queue.own_size(), 13U);
}

TEST(ByteQueue, DoesNotCopyALargePartWithAnOwnerAndLetsItGoOnceItIsGone) {
  auto text = std::make_shared<const std::string>(large, 's');
  const std::weak_ptr<const std::string> watched = text;
  const char* const place = text->data();
  ByteQueue queue;
  queue.append(shared_part(std::exchange(text, nullptr)));
  std::string_view parts[1];
  ASSERT_EQ(queue.front(parts), 1U);
  EXPECT_EQ(parts[0].data(), place);
  queue.drop_front(large - 1);
  EXPECT_FALSE(watched.expired());
  queue.drop_front(1);
  EXPECT_TRUE(watched.expired());
  EXPECT_TRUE(queue.empty());
}

TEST(ByteQueue, CopiesAShortPartSoThatItDoesNotKeepItsOwner) {
  auto text = std::make_shared<const std::string>("short");
  const std::weak_ptr<const std::string> watched = text;
  ByteQueue queue;
  queue.append(shared_part(std::exchange(text, nullptr)));
  EXPECT_TRUE(watched.expired());
  EXPECT_EQ(text_of(queue), "short");
}

TEST(ByteQueue, ClearingAndSwappingTakeTheSharesAlong) {
  auto text = std::make_shared<const std::string>(large, 's');
  const std::weak_ptr<const std::string> watched = text;
  ByteQueue queue;
  ByteQueue other;
  queue.append(shared_part(std::exchange(text, nullptr)));
  other.swap(queue);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(other.size(), large);
  other.clear(0);
  EXPECT_TRUE(watched.expired());
  EXPECT_TRUE(other.empty());
}

TEST(ByteQueue, AnyWayOfMovingAndDroppingGivesTheBytesThatWentIn) {
  std::mt19937 random(7);
  const auto below = [&](std::size_t end) { return std::uniform_int_distribution<std::size_t>(0, end - 1)(random); };
  for (int round = 0; round < 200; ++round) {
    ByteQueue from;
    ByteQueue to;
    std::string expected;
    std::string got;
    char next = 'a';
    for (int step = 0; step < 60; ++step) {
      const auto text = std::make_shared<const std::string>(below(3 * large), next);
      next = next == 'z' ? 'a' : static_cast<char>(next + 1);
      switch (below(4)) {
        case 0:
          from.append(*text);
          expected += *text;
          break;
        case 1:
          from.append(shared_part(text));
          expected += *text;
          break;
        case 2:
          from.move_front(below(from.size() + 1), to);
          break;
        default: {
          std::string_view parts[3];
          const std::size_t count = to.front(parts);
          std::string first;
          for (std::size_t part = 0; part < count; ++part) first += parts[part];
          first.resize(below(first.size() + 1));
          to.drop_front(first.size());
          got += first;
        }
      }
      ASSERT_EQ(got.size() + to.size() + from.size(), expected.size());
    }
    from.move_front(from.size(), to);
    ASSERT_EQ(got + text_of(to), expected);
  }
}

}  // namespace
}  // namespace thalo::net
