#include "rpc/event_slices.h"

#include <gtest/gtest.h>

#include <limits>

#include "rpc/translate.h"
#include "thalo/v1/events.pb.h"
#include "thalo/v1/subscriptions.pb.h"

namespace thalo::rpc {
namespace {

TEST(EventSlices, AreTheBytesOfTheGeneratedClass) {
  const model::StoreId store{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
  const std::string large(70'000, 'x');
  const std::string two_bytes_of_size(128, 'y');
  std::vector<model::EventView> events{
      {.stream = "counter-a", .type = "Incremented", .data = "{}", .metadata = {}},
      {.global_position = 127,
       .position = 128,
       .time_ms = 1,
       .stream = "a-b",
       .type = "B",
       .data = large,
       .metadata = {}},
      {.global_position = 1ULL << 40,
       .position = 16'384,
       .time_ms = 1'790'000'000'000,
       .stream = two_bytes_of_size,
       .type = "Größe",
       .data = R"({"a":"€"})",
       .metadata = R"({"command_id":"7"})"},
      {.global_position = std::numeric_limits<std::uint64_t>::max(),
       .time_ms = -1,
       .stream = "s-s",
       .type = "T",
       .data = {},
       .metadata = {}},
  };
  std::string bytes;
  v1::SubscribeResponse expected;
  for (const model::EventView& event : events) {
    append_event(store, event, bytes);
    to_wire(store, event, *expected.add_events());
  }
  EXPECT_EQ(bytes, expected.SerializeAsString());
}

TEST(EventSlices, OfASelectionAreItsEventsWithAndWithoutGaps) {
  const model::StoreId store{};
  auto batch = std::make_shared<feed::EventBatch>(0);
  for (std::uint64_t position = 0; position < 6; ++position) {
    const std::string text = std::to_string(position);
    batch->add({.global_position = position, .stream = "a-b", .type = "T", .data = text, .metadata = {}});
  }
  const auto positions = [&](const std::vector<std::uint32_t>& wanted) {
    feed::Indexes indexes;
    for (const std::uint32_t index : wanted) indexes.push_back(index);
    std::vector<net::BytesPart> parts;
    collect_selection(store, {batch, std::move(indexes)}, parts);
    std::string bytes;
    for (const net::BytesPart& part : parts) {
      EXPECT_EQ(part.owner, batch);
      bytes += part.bytes;
    }
    v1::SubscribeResponse response;
    EXPECT_TRUE(response.ParseFromString(bytes));
    std::vector<std::uint64_t> out;
    for (const auto& event : response.events()) out.push_back(event.global_position());
    return out;
  };
  using Positions = std::vector<std::uint64_t>;
  EXPECT_EQ(positions({0, 1, 2, 3, 4, 5}), (Positions{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(positions({2, 3}), (Positions{2, 3}));
  EXPECT_EQ(positions({0, 1, 3, 5}), (Positions{0, 1, 3, 5}));
  EXPECT_EQ(positions({5}), (Positions{5}));
  EXPECT_EQ(positions({}), Positions{});
}

}  // namespace
}  // namespace thalo::rpc
