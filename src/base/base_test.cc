#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <optional>
#include <thread>

#include "base/bounded_queue.h"
#include "base/clear_buffer.h"
#include "base/counted.h"
#include "base/json.h"
#include "base/log.h"
#include "base/prompt.h"
#include "base/result.h"
#include "base/shared_text.h"

namespace thalo::base {
namespace {

TEST(SharedText, CopiesShareTheirBytesAndOutliveEachOther) {
  SharedText copy;
  EXPECT_EQ(copy, "");
  {
    const auto text = SharedText::joined({"counter", "-", "", "a"});
    copy = text;
    EXPECT_TRUE(copy.is_same(text));
    EXPECT_EQ(copy.view().data(), text.view().data());
  }
  EXPECT_EQ(copy, "counter-a");
  const SharedText other = "counter-a";
  EXPECT_EQ(copy, other);
  EXPECT_FALSE(copy.is_same(other));
  EXPECT_LT(copy, SharedText("counter-b"));
  const SharedText moved = std::move(copy);
  EXPECT_EQ(moved, other);
  EXPECT_EQ(copy, SharedText()) << "moved from: empty";
}

TEST(SharedText, HasABound) {
  EXPECT_EQ(SharedText(std::string(SharedText::size_bytes_max, 'x')).view().size(), SharedText::size_bytes_max);
  EXPECT_THROW(SharedText(std::string(SharedText::size_bytes_max + 1, 'x')), std::length_error);
}

TEST(SharedText, ThreadsCopyAndDropItAsTheyLike) {
  std::vector<std::thread> threads;
  {
    const SharedText text = "counter-a";
    for (int number = 0; number < 4; ++number) {
      threads.emplace_back([text] {
        for (int round = 0; round < 10'000; ++round) {
          SharedText copy = text;
          const SharedText again = std::move(copy);
          ASSERT_EQ(again, "counter-a");
        }
      });
    }
  }
  for (auto& thread : threads) thread.join();
}

TEST(BoundedQueue, RefusesBeyondItsBoundAndNamesItself) {
  BoundedQueue<int> queue("shard 3", 2);
  EXPECT_TRUE(queue.push(1));
  EXPECT_TRUE(queue.push(2));
  const auto third = queue.push(3);
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, Code::resource_exhausted);
  EXPECT_THAT(third.error().message, testing::HasSubstr("shard 3 is full (2 waiting"));
  EXPECT_TRUE(third.error().retryable());
}

TEST(BoundedQueue, HandsOutEverythingInOrderAndThenTheClose) {
  BoundedQueue<int> queue("q", 1000);
  std::thread producer([&] {
    for (int i = 0; i < 1000; ++i) {
      while (!queue.push(int{i})) std::this_thread::yield();
    }
    queue.close();
  });
  std::vector<int> taken;
  std::vector<int> seen;
  while (queue.wait_all(taken)) seen.insert(seen.end(), taken.begin(), taken.end());
  producer.join();
  ASSERT_EQ(seen.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], i);
  const auto late = queue.push(1);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::unavailable);
}

TEST(BoundedQueue, CountsWhatItsConsumerHasTakenAndIsNotDoneWith) {
  BoundedQueue<int> queue("q", 4, SIZE_MAX, BoundedQueue<int>::Counts::waiting_and_taken);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(queue.push(int{i}));
  std::vector<int> taken;
  ASSERT_TRUE(queue.wait_all(taken));
  EXPECT_EQ(queue.push(4).error().code, Code::resource_exhausted);
  queue.still_in_hand(3);
  EXPECT_TRUE(queue.push(4));
  EXPECT_EQ(queue.push(5).error().code, Code::resource_exhausted);
  ASSERT_TRUE(queue.wait_all(taken));
  EXPECT_EQ(taken, std::vector<int>{4});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(queue.push(int{i}));
  EXPECT_FALSE(queue.push(3));
}

TEST(BoundedQueue, WakesItsConsumerWhenTheProducerHasPushedEverything) {
  BoundedQueue<int> queue("q", 100);
  std::vector<int> taken;
  std::thread consumer([&] { queue.wait_all(taken); });
  while (!queue.is_consumer_asleep()) std::this_thread::yield();
  {
    const HeldWakeUps held;
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(queue.push(int{i}));
    EXPECT_TRUE(queue.is_consumer_asleep());
  }
  consumer.join();
  EXPECT_EQ(taken.size(), 10U);
}

TEST(BoundedQueue, IsNotHeldUpByAnotherProducersHeldWakeUps) {
  BoundedQueue<int> queue("q", 100);
  std::vector<int> taken;
  std::thread consumer([&] { queue.wait_all(taken); });
  while (!queue.is_consumer_asleep()) std::this_thread::yield();
  const HeldWakeUps held;
  ASSERT_TRUE(queue.push(1));
  std::thread([&] { ASSERT_TRUE(queue.push(2)); }).join();
  consumer.join();
  EXPECT_EQ(taken, (std::vector<int>{1, 2}));
}

TEST(BoundedQueue, BoundsWhatItsItemsWeigh) {
  BoundedQueue<int> queue("q", 100, 10);
  EXPECT_TRUE(queue.push(1, 8));
  EXPECT_EQ(queue.push(2, 3).error().code, Code::resource_exhausted);
  EXPECT_TRUE(queue.push(3, 2));
  std::vector<int> taken;
  EXPECT_TRUE(queue.take_all(taken));
  EXPECT_TRUE(queue.push(4, 1000)) << "an empty queue takes an item of any weight";
  EXPECT_FALSE(queue.push(5, 1));
}

TEST(ClearBuffer, GivesALargeBufferBackAndKeepsASmallOne) {
  std::string text(kept_buffer_bytes + 1, 'x');
  clear_buffer(text);
  EXPECT_EQ(text, "");
  EXPECT_LT(text.capacity(), 100U);
  std::vector<std::uint64_t> numbers(kept_buffer_bytes / sizeof(std::uint64_t) + 1);
  clear_buffer(numbers);
  EXPECT_EQ(numbers.capacity(), 0U);

  text.assign(kept_buffer_bytes, 'x');
  const char* const place = text.data();
  clear_buffer(text);
  EXPECT_EQ(text, "");
  EXPECT_EQ(text.data(), place);
  EXPECT_GE(text.capacity(), kept_buffer_bytes);
}

TEST(Counted, OneIsNoPlural) {
  EXPECT_EQ(counted(0, "event"), "0 events");
  EXPECT_EQ(counted(1, "event"), "1 event");
  EXPECT_EQ(counted(2, "event"), "2 events");
  EXPECT_EQ(counted(1, "entity", "entities"), "1 entity");
  EXPECT_EQ(counted(11, "entity", "entities"), "11 entities");
}

TEST(Utf8, IsToldApartFromOtherBytes) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("a\xc3\xa9\xf0\x9f\x98\x80"));
  EXPECT_FALSE(is_utf8("\xff"));
  EXPECT_FALSE(is_utf8("\xc3"));
  EXPECT_FALSE(is_utf8("\xed\xa0\x80"));
}

TEST(Json, AcceptsEveryKindOfValue) {
  for (const char* text :
       {"{}", "[]", "1", "-1.5e3", "\"x\"", "true", "null", " {\"a\" : [1,2,{\"b\":null}]} ", "\"\xc3\xa9\""}) {
    EXPECT_TRUE(check_json(text)) << text;
  }
}

TEST(Json, RefusesWhatIsNotOneCompleteValue) {
  for (const char* text :
       {"", " ", "{", "{\"a\":}", "[1,]", "nul", "1 2", "{}{}", "'x'", "\"\xff\"", "{\"a\":1}x", "01", "\"\\q\""}) {
    const auto result = check_json(text);
    ASSERT_FALSE(result) << text;
    EXPECT_EQ(result.error().code, Code::invalid_argument);
  }
}

TEST(Json, SaysThatANumberIsOutOfRangeAndDoesNotCallItASyntaxError) {
  EXPECT_TRUE(check_json("{\"a\":18446744073709551615,\"b\":-9223372036854775808}"));
  for (const char* text : {"{\"a\":18446744073709551616}", "[-9223372036854775809]", "1e400"}) {
    EXPECT_EQ(check_json(text).error().message.find("not accepted: a number in it is out of range"), 0) << text;
  }
  EXPECT_EQ(check_json("[18446744073709551616, 01]").error().message.find("not valid JSON at byte"), 0);
}

TEST(Json, ChecksTextsLargerThanTheKeptBuffer) {
  std::string large = "\"" + std::string(3 << 20, 'x') + "\"";
  EXPECT_TRUE(check_json(large));
  large.pop_back();
  EXPECT_FALSE(check_json(large));
  EXPECT_TRUE(check_json("{}"));
}

TEST(Json, ShowsTheMembersOfAnObjectAsTheyAreWritten) {
  const std::string text = R"( { "a" : 1.50 ,"b":{"x":[1,"}"]}, "c":"q\"}, \\" , "d":[] ,"e":null} )";
  const auto members = json_members(text).value();
  using Member = std::pair<std::string_view, std::string_view>;
  EXPECT_THAT(members, testing::ElementsAre(Member("a", "1.50"), Member("b", R"({"x":[1,"}"]})"),
                                            Member("c", R"("q\"}, \\")"), Member("d", "[]"), Member("e", "null")));
  EXPECT_TRUE(json_members("{}").value().empty());
  const std::string deepest = std::string(1024, '[') + std::string(1024, ']');
  EXPECT_TRUE(check_json(deepest));
  EXPECT_FALSE(check_json("[" + deepest + "]"));
  EXPECT_EQ(json_members("{\"a\":" + deepest + "}").value().at(0).second, deepest);
  EXPECT_FALSE(json_members("[1]"));
  EXPECT_FALSE(json_members("{\"a\":1"));
}

TEST(Json, QuotesAnyBytes) {
  EXPECT_EQ(json_quote("a\"b\\c\n\xff\xc3\xa9"), "\"a\\\"b\\\\c\\u000a\xef\xbf\xbd\xc3\xa9\"");
  EXPECT_TRUE(check_json(json_quote(std::string("\0\x01\xed\xa0\x80", 5))));
}

TEST(Log, NamesTheChoicesOfAnUnknownLevel) {
  EXPECT_EQ(log::parse_level("warn").value(), log::Level::warn);
  EXPECT_THAT(log::parse_level("loud").error().message, testing::HasSubstr("'loud' is none of trace, debug, info"));
}

TEST(Log, EscapesWhatCouldForgeALine) {
  EXPECT_EQ(log::Field("k", "a\nb\"c\x1b").text(), "\"a\\nb\\\"c\\x1b\"");
  EXPECT_EQ(log::Field("n", 7).text(), "7");
  EXPECT_EQ(log::Field("b", true).text(), "true");
}

// The scheduler's slice for the thread that calls; no value where the kernel has none of a thread's own (before Linux
// 6.12), a sandbox forbids to ask, or another policy than the ordinary one has been chosen.
std::optional<std::uint64_t> slice_ns() {
  struct {
    std::uint32_t size, policy;
    std::uint64_t flags;
    std::int32_t nice;
    std::uint32_t priority;
    std::uint64_t runtime, deadline, period;
  } attributes{};
  if (::syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return std::nullopt;
  if (attributes.policy != SCHED_OTHER || attributes.runtime == 0) return std::nullopt;
  return attributes.runtime;
}

TEST(Prompt, GivesTheThreadShortTurnsAndLeavesItsNiceness) {
  if (!slice_ns()) GTEST_SKIP() << "no slice of a thread's own here";
  std::thread([] {
    ASSERT_EQ(::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 19), 0);
    run_promptly();
    EXPECT_EQ(slice_ns(), 200'000);
    EXPECT_EQ(::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid())), 19);
  }).join();
  EXPECT_NE(slice_ns(), 200'000) << "it is the calling thread's alone";
}

TEST(Prompt, LeavesAThreadWhosePolicyIsNotTheOrdinaryOne) {
  if (!slice_ns()) GTEST_SKIP() << "no slice of a thread's own here";
  std::thread([] {
    const sched_param none{};
    ASSERT_EQ(::sched_setscheduler(0, SCHED_BATCH, &none), 0);
    run_promptly();
    EXPECT_EQ(::sched_getscheduler(0), SCHED_BATCH);
    ASSERT_EQ(::sched_setscheduler(0, SCHED_OTHER, &none), 0);
    EXPECT_NE(slice_ns(), 200'000);
  }).join();
}

}  // namespace
}  // namespace thalo::base
