#include "store/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "store/varint.h"

namespace thalo::store {
namespace {

using testing::HasSubstr;

std::vector<std::string> encode(const std::vector<model::NewEvent>& events, std::string_view stream = "counter-a",
                                std::int64_t time_ms = 1) {
  std::vector<std::string> records;
  const EncodedEvents encoded(stream, time_ms, events);
  encoded.for_each([&](std::string_view body) {
    const auto index = static_cast<std::uint32_t>(records.size());
    records.emplace_back(RecordHead(encoded.count() - 1 - index, 1'000'000 + index).text()).append(body);
  });
  return records;
}

TEST(Record, ComesBackAsItWasEncoded) {
  const std::vector<model::NewEvent> events = {
      {"A", std::string("\0{}", 3), "{\"m\":1}"}, {std::string(300, 't'), "", ""}, {"", std::string(100'000, 'd'), ""}};
  const auto records = encode(events, "counter-a", INT64_MIN);
  ASSERT_EQ(records.size(), 3u);
  for (std::size_t index = 0; index < records.size(); ++index) {
    const auto record = decode_record(77, records[index]).value();
    EXPECT_EQ(record.remaining, 2 - index);
    EXPECT_EQ(record.event.global_position, 77u);
    EXPECT_EQ(record.event.position, 1'000'000 + index);
    EXPECT_EQ(record.event.time_ms, INT64_MIN);
    EXPECT_EQ(record.event.stream, "counter-a");
    EXPECT_EQ(record.event.type, events[index].type);
    EXPECT_EQ(record.event.data, events[index].data);
    EXPECT_EQ(record.event.metadata, events[index].metadata);
  }
}

// The bytes that docs/format.md shows.
TEST(Record, HasTheBytesOfTheFormat) {
  const auto records = encode({{"Ev", "{}", "M"}}, "c-1", 0x0102);
  EXPECT_EQ(records[0], std::string("\x01\x00\xc0\x84\x3d\x02\x01\0\0\0\0\0\0\x03"
                                    "c-1\x02"
                                    "Ev\x01M{}",
                                    24));
}

TEST(Record, CutAnywhereIsRefusedByPositionOrShorterData) {
  const std::string whole = encode({{"Type", "data", "{\"m\":1}"}})[0];
  const std::size_t before_data = whole.size() - 4;
  for (std::size_t size = 0; size < before_data; ++size) {
    const auto record = decode_record(5, whole.substr(0, size));
    ASSERT_FALSE(record) << size;
    EXPECT_EQ(record.error().code, base::Code::data_loss);
    EXPECT_THAT(record.error().message, HasSubstr("global position 5 is damaged"));
  }
  EXPECT_TRUE(decode_record(5, whole.substr(0, before_data)));
}

TEST(Record, OfAnUnknownVersionIsRefusedWithBothNumbers) {
  std::string record = encode({{"Type", "data", ""}})[0];
  record[0] = 9;
  EXPECT_THAT(decode_record(5, record).error().message, HasSubstr("record version is 9 and this program knows 1"));
}

TEST(Varint, ComesBackAndTakesItsOwnBytesOnly) {
  for (const std::uint64_t value :
       {std::uint64_t{0}, std::uint64_t{127}, std::uint64_t{128}, std::uint64_t{1} << 63, UINT64_MAX}) {
    std::string text;
    append_varint(text, value);
    text += "rest";
    std::string_view in = text;
    std::uint64_t back = 0;
    ASSERT_TRUE(take_varint(in, back));
    EXPECT_EQ(back, value);
    EXPECT_EQ(in, "rest");
  }
}

TEST(Varint, TooLongOrCutShortIsRefused) {
  std::uint64_t value = 0;
  for (const std::string& text : {std::string(), std::string("\x80"), std::string(9, '\xff'),
                                  std::string(9, '\xff') + "\x02", std::string(11, '\x80')}) {
    std::string_view in = text;
    EXPECT_FALSE(take_varint(in, value));
  }
  std::string_view short_text("\x05xyz", 4);
  std::string_view text;
  EXPECT_FALSE(take_text(short_text, text));
}

TEST(BigEndian, SortsAsNumbersDo) {
  std::string last(8, '\0');
  for (const std::uint64_t value :
       {std::uint64_t{1}, std::uint64_t{255}, std::uint64_t{256}, std::uint64_t{1} << 40, UINT64_MAX}) {
    std::string key(8, '\0');
    put_big_endian64(key.data(), value);
    EXPECT_GT(key, last);
    EXPECT_EQ(get_big_endian64(key), value);
    last = key;
  }
}

}  // namespace
}  // namespace thalo::store
