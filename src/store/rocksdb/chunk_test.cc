#include "store/rocksdb/chunk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "store/rocksdb/small_values.h"
#include "store/rocksdb/stretch.h"
#include "store/stream_hash.h"

namespace thalo::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Chunk, KeysSortByStreamAndThenNewestFirst) {
  EXPECT_LT(chunk_key("a-1", 500), chunk_key("a-1", 499));
  EXPECT_LT(chunk_key("a-1", 0), chunk_key("a-10", UINT64_MAX)) << "a name that continues another does not mix with it";
  EXPECT_LT(chunk_key("a-1", 0), chunk_key("a-1 ", UINT64_MAX));
  const std::string key = chunk_key("a-1", 0x0102);
  EXPECT_EQ(key, std::string("a-1\0\xff\xff\xff\xff\xff\xff\xfe\xfd", 12));
  EXPECT_TRUE(is_chunk_key(key));
  EXPECT_EQ(chunk_key_stream(key), "a-1");
  EXPECT_EQ(chunk_key_first(key), 0x0102u);
  EXPECT_EQ(chunk_key_prefix(key), std::string("a-1\0", 4));
  EXPECT_FALSE(is_chunk_key(std::string("\0checkpoint", 11)));
}

TEST(Chunk, ComesBackAsItWasEncoded) {
  std::mt19937_64 random(1);
  for (std::size_t size = 1; size <= chunk_events_max; size += 31) {
    std::vector<model::GlobalPosition> positions;
    positions.reserve(size);
    std::uint64_t position = random() >> (random() % 60 + 4);
    for (std::size_t index = 0; index < size; ++index)
      positions.push_back(position += 1 + (random() >> (random() % 40 + 24)) % 1'000'000'000'000);
    const std::string value = encode_chunk(positions);
    EXPECT_EQ(decode_chunk_count("s-1\0--------", value), size);
    std::vector<model::GlobalPosition> back;
    ASSERT_TRUE(decode_chunk(chunk_key("s-1", 0), value, back));
    EXPECT_EQ(back, positions);
  }
}

TEST(Chunk, HasTheBytesOfTheFormat) {
  EXPECT_EQ(encode_chunk(std::vector<model::GlobalPosition>{300, 301, 304}),
            std::string("\x01\x03\xac\x02\x00\x02", 6));
}

TEST(Chunk, DamageIsRefusedByName) {
  const std::string key = chunk_key("s-1", 42);
  std::vector<model::GlobalPosition> out;
  const std::string whole = encode_chunk(std::vector<model::GlobalPosition>{300, 301, 304});
  for (const std::string& damaged :
       {std::string(), whole.substr(0, 5), whole + "x", "\x02" + whole.substr(1), std::string("\x01\x00", 2)}) {
    const auto decoded = decode_chunk(key, damaged, out);
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().code, base::Code::data_loss);
    EXPECT_THAT(decoded.error().message, HasSubstr("the index of stream s-1 is damaged at position 42"));
  }
}

TEST(Stretch, KnowsTheRunsOfItsStreams) {
  Stretch stretch(1'000);
  const auto add = [&](std::string_view stream, model::Position first, model::GlobalPosition global,
                       std::uint32_t count) { stretch.add(stream, stream_hash(stream), first, global, count); };
  add("b-1", 7, 1'000, 2);
  add("a-1", 0, 1'002, 1);
  add("b-1", 9, 1'003, 1);
  EXPECT_FALSE(stretch.find("c-1", stream_hash("c-1")));
  const auto range = stretch.find("b-1", stream_hash("b-1"));
  ASSERT_TRUE(range);
  EXPECT_EQ(range->first, 7u);
  EXPECT_EQ(range->end(), 10u);
  std::vector<model::GlobalPosition> positions(2);
  stretch.copy("b-1", stream_hash("b-1"), 8, 2, positions.data());
  EXPECT_THAT(positions, ElementsAre(1'001, 1'003));
  std::vector<std::string> names;
  for (const auto* run : stretch.sorted()) names.emplace_back(run->stream.view());
  EXPECT_THAT(names, ElementsAre("a-1", "b-1"));
}

TEST(Stretch, HoldsManyStreams) {
  Stretch stretch(0);
  for (std::uint32_t index = 0; index < 50'000; ++index) {
    const std::string stream = "s-" + std::to_string(index);
    stretch.add(stream, stream_hash(stream), index, index, 1);
  }
  for (std::uint32_t index = 0; index < 50'000; ++index) {
    const std::string stream = "s-" + std::to_string(index);
    ASSERT_EQ(stretch.find(stream, stream_hash(stream))->first, index);
  }
  EXPECT_EQ(stretch.sorted().size(), 50'000u);
}

TEST(Stretch, SortsByTheBytesOfTheNamesWhateverTheyShare) {
  std::mt19937 random(7);
  for (const std::string shared : {"", "c-", "a-name-longer-than-eight-bytes-"}) {
    Stretch stretch(0);
    std::set<std::string> names = {shared + "x"};
    for (int count = 0; count < 500; ++count) {
      std::string name = shared;
      for (auto letters = random() % 14; letters > 0; --letters) name += "ab\x7f\x80\xff"[random() % 5];
      if (!name.empty()) names.insert(name);
    }
    model::GlobalPosition next = 0;
    for (const std::string& name : names) stretch.add(name, stream_hash(name), 0, next++, 1);
    std::vector<std::string> sorted;
    for (const auto* run : stretch.sorted()) sorted.emplace_back(run->stream.view());
    EXPECT_EQ(sorted, std::vector<std::string>(names.begin(), names.end()));
  }
}

TEST(SmallValues, ComeBackAndRefuseDamage) {
  const Cursor cursor{.next = 300, .data = std::string("\0x", 2)};
  EXPECT_EQ(encode_cursor(cursor), std::string("\x01\xac\x02\x00x", 5));
  EXPECT_EQ(decode_cursor("p", encode_cursor(cursor)), cursor);
  EXPECT_THAT(decode_cursor("p", "\x02").error().message, HasSubstr("cursor p is damaged"));
  const Snapshot snapshot{.version = 2, .module_digest = "dig", .format = "f", .data = "state"};
  EXPECT_EQ(encode_snapshot(snapshot), std::string("\x01\x02\x03"
                                                   "dig\x01"
                                                   "fstate"));
  EXPECT_EQ(decode_snapshot("s-1", encode_snapshot(snapshot)), snapshot);
  for (std::size_t size = 0; size < 8; ++size)
    EXPECT_FALSE(decode_snapshot("s-1", encode_snapshot(snapshot).substr(0, size)));
}

}  // namespace
}  // namespace thalo::store
