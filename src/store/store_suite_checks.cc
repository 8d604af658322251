#include <map>

#include "store/store_suite.h"

namespace thalo::store {

void expect_consistent(Store& store) {
  std::map<std::string, std::vector<model::Event>> streams;
  std::uint64_t next = 0;
  for (model::Event& event : read_all(store)) {
    ASSERT_EQ(event.global_position, next++) << "global positions are gapless";
    auto& stream = streams[event.stream];
    ASSERT_EQ(event.position, stream.size()) << "positions of " << event.stream << " are gapless";
    stream.push_back(std::move(event));
  }
  EXPECT_EQ(store.head(), next);
  for (const auto& [name, events] : streams) {
    ASSERT_EQ(store.stream_version(name), events.size()) << name;
    ASSERT_EQ(read_stream(store, {.stream = name}), events) << name;
  }
}

}  // namespace thalo::store
