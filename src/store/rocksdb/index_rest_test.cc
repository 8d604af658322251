// The rests of the thread that writes the stream index, so long here that it would never be done with one.
#include <gtest/gtest.h>

#include "store/rocksdb/rocksdb_place.h"

namespace thalo::store {
namespace {

constexpr std::uint32_t stretch_events = 3'000;  // more than one step of the index thread when each has its own stream

class IndexRestTest : public testing::Test {
 protected:
  void open() {
    auto options = place_.options();
    options.index_rest = std::chrono::hours(24);
    store_ = place_.try_open(options).value();
  }
  static std::string stream(std::size_t number) { return "counter-" + std::to_string(number); }
  // One event for each of the next streams.
  void append(std::size_t count) {
    for (const std::size_t end = appended_ + count; appended_ < end; ++appended_)
      ASSERT_TRUE(store_->append(make_append(stream(appended_), {std::to_string(appended_)}), sink_));
    for (const AppendOutcome& outcome : sink_.wait(appended_)) ASSERT_TRUE(outcome.result);
  }
  void expect_all() {
    for (std::size_t number = 0; number < appended_; ++number)
      ASSERT_EQ(data_of(read_stream(*store_, {.stream = stream(number)})), std::vector{std::to_string(number)});
    expect_consistent(*store_);
  }

  RocksdbPlace place_{stretch_events};
  RecordingSink sink_;
  std::unique_ptr<Store> store_;
  std::size_t appended_ = 0;
};

TEST_F(IndexRestTest, StoppingInARestIsPromptAndLosesNothing) {
  open();
  append(stretch_events + 1);
  expect_all();
  for (int life = 0; life < 3; ++life) {
    store_.reset();  // would take a day
    open();
    expect_all();
    append(1);
  }
}

TEST_F(IndexRestTest, WhoFallsBehindDoesNotRest) {
  open();
  append(std::size_t{8} * stretch_events);  // the committer waits for the index thread: this would take days
  expect_all();
}

}  // namespace
}  // namespace thalo::store
