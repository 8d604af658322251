#include "rpc/translate.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace thalo::rpc {
namespace {

std::string repeated(std::string_view bytes, std::size_t times) {
  std::string out;
  while (times-- > 0) out += bytes;
  return out;
}

template <class Message>
void expect_too_many_fields(const std::string& bytes) {
  const auto parsed = parse<Message>(bytes);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().code, base::Code::invalid_argument);
  EXPECT_NE(parsed.error().message.find("more than 200000 fields"), std::string::npos) << parsed.error().message;
}

TEST(Request, OfManySmallFieldsIsRefusedBeforeItIsParsed) {
  using namespace std::string_view_literals;
  constexpr std::size_t many = request_fields_max + 1;
  expect_too_many_fields<v1::AppendRequest>(repeated("\x1a\x00"sv, many));
  expect_too_many_fields<v1::ExecuteStreamRequest>(repeated("\x0a\x00"sv, many));
  expect_too_many_fields<v1::ExecuteStreamRequest>(repeated("\x0a\x02\x12\x00"sv, many / 2 + 1));
  expect_too_many_fields<v1::ReadAllRequest>(repeated("\x12\x00"sv, many));
  // Unknown ones are kept when they are parsed, and so count.
  expect_too_many_fields<v1::ExecuteRequest>(repeated("\x7a\x00"sv, many));
  expect_too_many_fields<v1::ExecuteRequest>("\x7b" + repeated("\x78\x01"sv, many) + "\x7c");
  expect_too_many_fields<v1::AppendRequest>("\x7b\x1a\x01\x07\x7c" + repeated("\x78\x01"sv, many));
}

TEST(Request, WithinTheLimitsIsParsedHoweverManyBytesItHas) {
  v1::ExecuteStreamRequest commands;
  for (std::uint64_t number = 1; number <= 10'000; ++number) {
    auto& command = *commands.add_commands();
    command.set_tag(number);
    command.set_timeout_ms(1);
    auto& request = *command.mutable_request();
    for (const auto* field : {"category", "id", "command", "payload", "command_id", "correlation_id", "causation_id"})
      request.GetReflection()->SetString(&request, request.GetDescriptor()->FindFieldByName(field), "x");
    request.set_metadata("{}");
    request.set_expected_version(number);
  }
  EXPECT_TRUE(parse<v1::ExecuteStreamRequest>(commands.SerializeAsString()));

  v1::AppendRequest append;
  append.add_events()->set_data(repeated("\x1a\x01", request_fields_max));  // looks like fields
  EXPECT_TRUE(parse<v1::AppendRequest>(append.SerializeAsString()));
}

}  // namespace
}  // namespace thalo::rpc
