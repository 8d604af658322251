// What is stored of a projection, and how filters are compared.
#include "feed/projection_record.h"

#include <gtest/gtest.h>

#include <chrono>

#include "feed/filter.h"

namespace thalo::feed {
namespace {

using base::Code;

TEST(ProjectionRecordTest, RoundTripsAndRefusesWhatIsCut) {
  ProjectionRecord record;
  record.filter = {{.categories = {"a", "b"}, .streams = {"a-1"}, .types = {"T"}}, {.types = {"U"}}};
  record.place = {.cursor = 300, .paused = true};
  record.place.policy = {.attempts_max = 0, .backoff_first = std::chrono::milliseconds(7)};
  record.place.held = {{.stream = "a-1",
                        .state = HeldState::parked,
                        .position = 4,
                        .global_position = 290,
                        .attempts = 5,
                        .error = "no",
                        .first_failed_ms = 1,
                        .last_failed_ms = 1'700'000'000'000,
                        .retry_at_ms = 0}};
  record.unseen_types = {"T", "U"};
  const store::Cursor cursor = encode_record(record);
  const auto decoded = decode_record("p", cursor);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(decoded->filter, record.filter);
  EXPECT_EQ(decoded->place, record.place);
  EXPECT_EQ(decoded->unseen_types, record.unseen_types);
  for (std::size_t size = 0; size < cursor.data.size(); ++size) {
    const auto cut = decode_record("p", {.next = 1, .data = cursor.data.substr(0, size)});
    ASSERT_FALSE(cut) << size;
    EXPECT_EQ(cut.error().code, Code::data_loss);
  }
  EXPECT_FALSE(decode_record("p", {.next = 1, .data = cursor.data + "x"}));
}

TEST(ProjectionRecordTest, WithoutUnseenTypesItIsOfVersionOneWhichEarlierReleasesRead) {
  const ProjectionRecord record{{{.types = {"T"}}}, {.cursor = 3, .resets = 2}};
  const store::Cursor cursor = encode_record(record);
  EXPECT_EQ(cursor.data.front(), 1);
  const auto decoded = decode_record("p", cursor);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(decoded->filter, record.filter);
  EXPECT_EQ(decoded->place, record.place);
  EXPECT_FALSE(decode_record("p", {.next = 1, .data = "\3" + cursor.data.substr(1)}));
}

TEST(FilterTest, IsComparedWithoutOrderAndRepetition) {
  EXPECT_EQ(normalized({{.categories = {"b", "a", "b"}}, {.types = {"T"}}}),
            normalized({{.types = {"T", "T"}}, {.categories = {"a", "b"}}}));
  EXPECT_EQ(normalized({{.categories = {"a"}}, {}}), Filter{});
  EXPECT_EQ(describe({{.categories = {"a", "b"}, .types = {"T"}}}), "category a or b, type T");
  EXPECT_EQ(describe({}), "everything");
}

}  // namespace
}  // namespace thalo::feed
