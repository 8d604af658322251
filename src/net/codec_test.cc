#include "net/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "net/flood_guard.h"
#include "net/gzip.h"
#include "net/message_reader.h"
#include "net/metadata.h"
#include "net/test_frames.h"
#include "net/timer_heap.h"

namespace thalo::net {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::grpc_message;
using ::testing::HasSubstr;

TEST(Timeout, IsReadInEveryUnit) {
  EXPECT_EQ(parse_timeout("1H"), 1h);
  EXPECT_EQ(parse_timeout("2M"), 2min);
  EXPECT_EQ(parse_timeout("3S"), 3s);
  EXPECT_EQ(parse_timeout("250m"), 250ms);
  EXPECT_EQ(parse_timeout("7u"), 7us);
  EXPECT_EQ(parse_timeout("99999999n"), 99999999ns);
  EXPECT_EQ(parse_timeout("0n"), 0ns);
}

TEST(Timeout, OfCenturiesIsCutRatherThanOverflowing) {
  ASSERT_TRUE(parse_timeout("99999999H"));
  EXPECT_GT(*parse_timeout("99999999H"), 24h * 36500);
}

TEST(Timeout, OtherTextsAreRefused) {
  for (const char* text : {"", "S", "5", "5s", "-1S", "+1S", "1.5S", " 1S", "1S ", "123456789S", "1SS", "H1"}) {
    EXPECT_FALSE(parse_timeout(text)) << text;
  }
}

std::string percent_encoded(std::string_view text, std::size_t size_bytes_max = 1000) {
  std::string out;
  append_percent_encoded(out, text, size_bytes_max);
  return out;
}

TEST(PercentEncoding, LeavesPrintableAsciiAndEncodesTheRest) {
  EXPECT_EQ(percent_encoded("all is ~well!"), "all is ~well!");
  EXPECT_EQ(percent_encoded("100%"), "100%25");
  EXPECT_EQ(percent_encoded("\t\r\n\x7f"), "%09%0D%0A%7F");
  EXPECT_EQ(percent_encoded("\xc3\xa9"), "%C3%A9");
}

TEST(PercentEncoding, CutsAtAWholeCharacter) {
  EXPECT_EQ(percent_encoded("a\xc3\xa9", 7), "a%C3%A9");
  EXPECT_EQ(percent_encoded("a\xc3\xa9", 6), "a");
  EXPECT_EQ(percent_encoded("abc", 2), "ab");
}

TEST(Base64, RoundTripsWithAndWithoutPadding) {
  std::mt19937 random(1);
  for (std::size_t size = 0; size < 70; ++size) {
    std::string bytes(size, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    std::string text;
    append_base64(text, bytes);
    std::string back;
    ASSERT_TRUE(append_base64_decoded(back, text));
    EXPECT_EQ(back, bytes);
    while (text.size() % 4 != 0) text += '=';
    back.clear();
    ASSERT_TRUE(append_base64_decoded(back, text));
    EXPECT_EQ(back, bytes);
  }
}

TEST(Base64, OtherTextsAreRefused) {
  for (const char* text : {"A", "AAAAA", "A===", "====", "AA=A", "A!AA", "AA-_", "AAA==", "AA=", "AA AA"}) {
    std::string out = "kept";
    EXPECT_FALSE(append_base64_decoded(out, text)) << text;
    EXPECT_EQ(out, "kept");
  }
}

TEST(Gzip, RoundTrips) {
  for (const std::size_t size : {0U, 1U, 1000U, 100000U}) {
    const std::string bytes(size, 'x');
    std::string compressed;
    append_gzip(compressed, bytes);
    std::string back;
    ASSERT_TRUE(gunzip(back, compressed, size));
    EXPECT_EQ(back, bytes);
  }
}

TEST(Gzip, ABombIsRefusedWithoutBeingUnpacked) {
  std::string bomb;
  append_gzip(bomb, std::string(50 << 20, '\0'));
  std::string out;
  const auto result = gunzip(out, bomb, 1000);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, base::Code::resource_exhausted);
  EXPECT_THAT(result.error().message, HasSubstr("1000"));
  EXPECT_LE(out.capacity(), std::size_t{1} << 20);
}

TEST(Gzip, WhatIsNotOneWholeStreamIsRefused) {
  std::string good;
  append_gzip(good, "hello");
  std::string out;
  EXPECT_FALSE(gunzip(out, "not gzip", 1000));
  EXPECT_FALSE(gunzip(out, "", 1000));
  EXPECT_FALSE(gunzip(out, good.substr(0, good.size() - 1), 1000));
  EXPECT_FALSE(gunzip(out, good + "x", 1000));
}

std::vector<std::string> read_all(MessageReader& reader, const std::vector<std::string>& parts) {
  std::vector<std::string> messages;
  for (const std::string& part : parts) {
    const auto taken = reader.read(part, [&](std::string_view message) {
      messages.emplace_back(message);
      return true;
    });
    EXPECT_TRUE(taken);
    EXPECT_EQ(taken.value_or(0), part.size());
  }
  return messages;
}

TEST(MessageReader, FindsMessagesHoweverTheBytesArrive) {
  const std::string body = grpc_message("one") + grpc_message("") + grpc_message(std::string(300, 'x'));
  const auto expected = ElementsAre("one", "", std::string(300, 'x'));
  for (std::size_t first = 0; first <= body.size(); ++first) {
    MessageReader reader;
    reader.reset(1000, false);
    EXPECT_THAT(read_all(reader, {body.substr(0, first), body.substr(first)}), expected);
    EXPECT_FALSE(reader.inside_message());
  }
  std::vector<std::string> bytes;
  for (const char byte : body) bytes.emplace_back(1, byte);
  MessageReader reader;
  reader.reset(1000, false);
  EXPECT_THAT(read_all(reader, bytes), expected);
}

TEST(MessageReader, StopsWhereItIsTold) {
  MessageReader reader;
  reader.reset(1000, false);
  const std::string body = grpc_message("one") + grpc_message("two");
  const auto taken = reader.read(body, [](std::string_view) { return false; });
  ASSERT_TRUE(taken);
  EXPECT_EQ(*taken, grpc_message("one").size());
}

TEST(MessageReader, ATooLargeMessageIsRefusedByItsPrefixAlone) {
  MessageReader reader;
  reader.reset(1000, false);
  const auto taken =
      reader.read(grpc_message(std::string(1001, 'x')).substr(0, 5), [](std::string_view) { return true; });
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, base::Code::resource_exhausted);
  EXPECT_THAT(taken.error().message, HasSubstr("1001"));
  EXPECT_THAT(taken.error().message, HasSubstr("1000"));
}

TEST(MessageReader, AnAnnouncedLengthCostsNoMemory) {
  MessageReader reader;
  reader.reset(std::size_t{1} << 30, false);
  ASSERT_TRUE(reader.read(std::string("\0\x3f\xff\xff\xff", 5) + "abc", [](std::string_view) { return true; }));
  EXPECT_TRUE(reader.inside_message());
  EXPECT_EQ(reader.buffered_bytes(), 3U);
}

TEST(MessageReader, ReadsCompressedMessagesOnlyWhereTheyWereAnnounced) {
  std::string compressed;
  append_gzip(compressed, "hello");
  MessageReader reader;
  reader.reset(1000, true);
  EXPECT_THAT(read_all(reader, {grpc_message(compressed, true) + grpc_message("plain")}),
              ElementsAre("hello", "plain"));
  reader.reset(1000, false);
  const auto refused = reader.read(grpc_message(compressed, true), [](std::string_view) { return true; });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, base::Code::internal);
}

TEST(MessageReader, AnUnknownFlagIsRefused) {
  MessageReader reader;
  reader.reset(1000, false);
  EXPECT_FALSE(reader.read(std::string("\2\0\0\0\0", 5), [](std::string_view) { return true; }));
}

TEST(Metadata, KeepsOrderAndRepeats) {
  Metadata metadata;
  metadata.add("a", "1");
  metadata.add("b-bin", std::string_view("\0\xff", 2));
  metadata.add("a", "2");
  EXPECT_EQ(metadata.get("a"), "1");
  EXPECT_THAT(metadata.all("a"), ElementsAre("1", "2"));
  EXPECT_EQ(metadata.get("b-bin"), std::string_view("\0\xff", 2));
  EXPECT_EQ(metadata.get("c"), std::nullopt);
  EXPECT_EQ(metadata[2].value, "2");
  metadata.clear();
  EXPECT_TRUE(metadata.empty());
}

struct Alarm final : TimerNode {
  explicit Alarm(std::vector<int>& rung, int number) : rung(rung), number(number) {}
  void on_timer() override { rung.push_back(number); }
  std::vector<int>& rung;
  int number;
};

TEST(TimerHeap, RingsInOrderOfTime) {
  std::mt19937 random(2);
  std::vector<int> rung;
  std::vector<std::unique_ptr<Alarm>> alarms;
  TimerHeap heap;
  std::vector<std::pair<int, int>> expected;  // time, number
  for (int number = 0; number < 500; ++number) {
    alarms.push_back(std::make_unique<Alarm>(rung, number));
    heap.set(*alarms.back(), TimePoint(std::chrono::seconds(random() % 100'000)));
  }
  std::vector<int> times(500);
  for (int number = 0; number < 500; ++number) {
    if (number % 3 == 0) {
      heap.remove(*alarms[number]);
    } else {
      times[number] = static_cast<int>(random() % 100'000);
      heap.set(*alarms[number], TimePoint(std::chrono::seconds(times[number])));
    }
  }
  heap.run(TimePoint(std::chrono::seconds(50'000)));
  for (std::size_t index = 1; index < rung.size(); ++index) EXPECT_LE(times[rung[index - 1]], times[rung[index]]);
  for (const int number : rung) EXPECT_LE(times[number], 50'000);
  heap.run(TimePoint::max());
  EXPECT_EQ(rung.size(), 333U);
  EXPECT_EQ(heap.next(), TimePoint::max());
}

TEST(FloodGuard, TellsABusyClientFromAFloodingOne) {
  FloodGuard busy(10s);
  const TimePoint now{};
  for (int call = 0; call < 100'000; ++call) {
    busy.on_useful_frame();
    ASSERT_TRUE(busy.on_other_frame(now));
  }
  FloodGuard flooding(10s);
  int frames = 0;
  while (flooding.on_other_frame(now) && frames < 1'000'000) ++frames;
  EXPECT_LT(frames, 10'000);
  EXPECT_TRUE(flooding.on_other_frame(now + 10s));
}

TEST(FloodGuard, PingsAreFreeWhereTheyMeasureARoundTrip) {
  FloodGuard guard(10s);
  TimePoint now{};
  for (int ping = 0; ping < 1000; ++ping) {
    guard.on_response_sent();
    ASSERT_TRUE(guard.on_ping(now));
  }
  int pings = 0;
  while (guard.on_ping(now) && pings < 1000) ++pings;
  EXPECT_LT(pings, 10);
  FloodGuard slow(10s);
  for (int ping = 0; ping < 1000; ++ping) ASSERT_TRUE(slow.on_ping(now += 10s));
}

}  // namespace
}  // namespace thalo::net
