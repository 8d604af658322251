#include "rpc/execute_response.h"

#include <gtest/gtest.h>

#include <limits>

#include "rpc/translate.h"

namespace thalo::rpc {
namespace {

const model::StoreId store{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

// What the generated class makes of the same outcome.
std::string expected(command::ExecuteOutcome outcome) {
  v1::ExecuteResponse response;
  to_wire(store, std::move(outcome), response);
  return response.SerializeAsString();
}

void expect_same(const command::ExecuteOutcome& outcome) {
  std::string out;
  append_execute_response(out, store, outcome);
  EXPECT_EQ(out, expected(outcome));

  v1::ExecuteStreamResponse stream;
  std::string answers;
  for (const std::uint64_t tag : {0, 5, 1000}) {
    auto& answer = *stream.add_answers();
    answer.set_tag(tag);
    to_wire(store, command::ExecuteOutcome(outcome), *answer.mutable_response());
    append_stream_answer(answers, tag, store, outcome);
  }
  EXPECT_EQ(answers, stream.SerializeAsString());
}

TEST(ExecuteResponse, OfAcceptedEventsIsWhatTheGeneratedClassWrites) {
  expect_same(
      model::Accepted{{{7, 3, 1'700'000'000'000, "counter-a", "Incremented", R"({"amount":1})", ""}}, 4, false});
  expect_same(model::Accepted{{{127, 128, 16'383, "a-b", "T", "{}", R"({"command_id":"x"})"},
                               {16'384, 129, -1, "a-b", "U", std::string(20'000, 'x'), "{}"}},
                              130,
                              true});
}

TEST(ExecuteResponse, LeavesOutWhatHasNoValue) {
  expect_same(model::Accepted{});
  expect_same(model::Accepted{{{}}, 0, false});
}

TEST(ExecuteResponse, OfTheGreatestNumbersIsWhatTheGeneratedClassWrites) {
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  expect_same(model::Accepted{
      {{most, most, std::numeric_limits<std::int64_t>::min(), std::string(127, 's'), std::string(128, 't'), "1", "2"}},
      most,
      true});
}

TEST(ExecuteResponse, OfARejectionIsWhatTheGeneratedClassWrites) {
  expect_same(model::Rejection{R"({"reason":"no"})"});
  expect_same(model::Rejection{std::string(300, 'e')});
  expect_same(model::Rejection{""});
}

TEST(ExecuteResponse, OfAFailureInAStreamSaysWhatItIs) {
  std::string answers;
  append_stream_answer(answers, 7, store, base::fail(base::Code::aborted, "try again"));
  append_stream_answer(answers, 8, store, model::Accepted{});
  v1::ExecuteStreamResponse stream;
  ASSERT_TRUE(stream.ParseFromString(answers));
  ASSERT_EQ(stream.answers_size(), 2);
  EXPECT_EQ(stream.answers(0).tag(), 7U);
  EXPECT_EQ(stream.answers(0).failure().code(), static_cast<std::uint32_t>(base::Code::aborted));
  EXPECT_EQ(stream.answers(0).failure().message(), "try again");
  EXPECT_TRUE(stream.answers(1).has_response());
}

}  // namespace
}  // namespace thalo::rpc
