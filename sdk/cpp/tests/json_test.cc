#include "thalo/json.h"

#include <gmock/gmock.h>

#include <chrono>
#include <cmath>

namespace {

namespace json = thalo::json;

enum class Colour { red, green };
struct Item {
  std::string name;
  std::uint64_t amount = 0;
  bool operator==(const Item&) const = default;
};
struct Circle {
  double radius = 0;
  bool operator==(const Circle&) const = default;
};
struct Square {
  double side = 0;
  bool operator==(const Square&) const = default;
};
struct Everything {
  bool yes = false;
  std::int8_t tiny = 0;
  std::uint8_t byte = 0;
  std::int64_t low = 0;
  std::uint64_t high = 0;
  double real = 0;
  float less_real = 0;
  std::string text;
  Colour colour = Colour::red;
  std::optional<Item> maybe;
  std::vector<Item> items;
  std::vector<bool> bits;
  std::set<std::string> tags;
  std::array<int, 2> pair{};
  std::map<std::string, Item> by_name;
  std::map<int, std::string> by_number;
  std::variant<Circle, Square> shape;
  thalo::Json raw;
  bool operator==(const Everything&) const = default;
};
struct Tree {
  std::vector<Tree> children;
};
struct Number {
  std::optional<double> value;
};

template <class T>
std::string written(const T& value) {
  std::string text;
  json::Writer writer(text);
  return json::write(writer, value) ? text : "error: " + writer.error();
}

// The text of the value read, or the error.
template <class T>
std::string reread(std::string_view text) {
  T value{};
  std::string error;
  return json::parse(text, value, error) ? written(value) : "error: " + error;
}

using std::chrono::sys_time;
struct Times {
  sys_time<std::chrono::milliseconds> at;
  std::chrono::sys_seconds second;
  std::chrono::sys_days day;
  std::chrono::year_month_day date;
  std::chrono::milliseconds length;
  std::chrono::hours shift;
  std::optional<std::chrono::nanoseconds> fine;
};

TEST(Json, TimesAreIso8601) {
  using namespace std::chrono_literals;
  const Times value{.at = sys_time<std::chrono::milliseconds>(1'795'519'200'250ms),
                    .second = std::chrono::sys_seconds(-1s),
                    .day = std::chrono::sys_days(std::chrono::days(20000)),
                    .date = std::chrono::year_month_day(std::chrono::year(2024) / 2 / 29),
                    .length = 5'400'250ms,
                    .shift = -36h,
                    .fine = -1ns};
  const std::string text =
      R"({"at":"2026-11-24T11:20:00.250Z","second":"1969-12-31T23:59:59Z","day":"2024-10-04","date":"2024-02-29",)"
      R"("length":"PT1H30M0.250S","shift":"-PT36H","fine":"-PT0.000000001S"})";
  EXPECT_EQ(written(value), text);
  EXPECT_EQ(reread<Times>(text), text);
}

template <class T>
std::string time_reread(std::string_view text) {
  return reread<T>('"' + std::string(text) + '"');
}

TEST(Json, ATimeOfAnyOffsetIsReadInUtc) {
  using Millis = sys_time<std::chrono::milliseconds>;
  EXPECT_EQ(time_reread<Millis>("2026-11-24T13:20:00.5+02:00"), R"("2026-11-24T11:20:00.500Z")");
  EXPECT_EQ(time_reread<Millis>("2026-11-24T05:50:00.250000-05:30"), R"("2026-11-24T11:20:00.250Z")");
  EXPECT_EQ(time_reread<Millis>("0000-01-01T00:00Z"), R"("0000-01-01T00:00:00.000Z")");
  EXPECT_EQ(time_reread<Millis>("9999-12-31T23:59:59.999Z"), R"("9999-12-31T23:59:59.999Z")");
  EXPECT_EQ(time_reread<std::chrono::minutes>("P1DT2H3M"), R"("PT26H3M")");
  EXPECT_EQ(time_reread<std::chrono::seconds>("PT0S"), R"("PT0S")");
  EXPECT_EQ(time_reread<std::chrono::seconds>("PT9223372036854775807S"), R"("PT2562047788015215H30M7S")");
}

TEST(Json, ATimeThatIsNoneIsRefusedWithItsForm) {
  using Millis = sys_time<std::chrono::milliseconds>;
  for (const char* bad :
       {"", "now", "2026-11-24", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-11-24T24:00:00Z",
        "2026-11-24T11:60:00Z", "2026-11-24T11:20:60Z", "2026-11-24T11:20:00", "2026-11-24T11:20:00.Z",
        "2026-11-24 11:20:00Z", "2026-11-24T11:20:00Zz", "26-11-24T11:20:00Z", "2026-11-24T11:20:00+2"}) {
    EXPECT_EQ(time_reread<Millis>(bad),
              "error: expected a time such as \"2026-11-24T11:20:00Z\", got \"" + std::string(bad) + "\"");
  }
  for (const char* bad :
       {"P", "PT", "1H", "PT1", "PT1H1H", "PT1M1H", "P1H", "PT1D", "PT1.5H", "P-1D", "PT1.S", "--PT1S"})
    EXPECT_THAT(time_reread<std::chrono::milliseconds>(bad), testing::StartsWith("error: expected a duration"));
  EXPECT_EQ(time_reread<std::chrono::sys_days>("2026-02-30"),
            R"(error: expected a date such as "2026-11-24", got "2026-02-30")");
  EXPECT_THAT(reread<Millis>("5"), testing::HasSubstr("expected a string, got a number"));
}

TEST(Json, ATimeThatTheFieldCannotHoldExactlyIsRefused) {
  EXPECT_THAT(time_reread<std::chrono::sys_seconds>("2026-11-24T11:20:00.5Z"), testing::HasSubstr("too fine"));
  EXPECT_THAT(time_reread<sys_time<std::chrono::nanoseconds>>("9999-01-01T00:00:00Z"), testing::HasSubstr("too large"));
  EXPECT_THAT(time_reread<std::chrono::hours>("PT30M"), testing::HasSubstr("too fine"));
  EXPECT_EQ(written(std::chrono::sys_seconds::max()), "error: the value is a time that ISO 8601 does not have");
  EXPECT_EQ(written(std::chrono::hours::max()), "error: the value is a time that ISO 8601 does not have");
  EXPECT_EQ(written(std::chrono::year_month_day(std::chrono::year(2026) / 2 / 30)),
            "error: the value is a time that ISO 8601 does not have");
}

TEST(Json, EveryKindOfFieldGoesThroughUnchanged) {
  const Everything value{.yes = true,
                         .tiny = -128,
                         .byte = 255,
                         .low = INT64_MIN,
                         .high = UINT64_MAX,
                         .real = 0.1,
                         .less_real = 1.5F,
                         .text = "\"quoted\" \\ \n\t\x01 é € 😀",
                         .colour = Colour::green,
                         .maybe = Item{"a", 1},
                         .items = {{"b", 2}, {"c", 3}},
                         .bits = {true, false},
                         .tags = {"x", "y"},
                         .pair = {-1, 1},
                         .by_name = {{"k", {"d", 4}}},
                         .by_number = {{-7, "seven"}},
                         .shape = Square{2.5},
                         .raw = {R"({"any":[1,null]})"}};
  const std::string text = written(value);
  EXPECT_EQ(
      text,
      R"({"yes":true,"tiny":-128,"byte":255,"low":-9223372036854775808,"high":18446744073709551615,"real":0.1,"less_real":1.5,)"
      R"("text":"\"quoted\" \\ \n\t\u0001 é € 😀","colour":"green","maybe":{"name":"a","amount":1},)"
      R"("items":[{"name":"b","amount":2},{"name":"c","amount":3}],"bits":[true,false],"tags":["x","y"],"pair":[-1,1],)"
      R"("by_name":{"k":{"name":"d","amount":4}},"by_number":{"-7":"seven"},"shape":{"Square":{"side":2.5}},"raw":{"any":[1,null]}})");
  Everything read;
  std::string error;
  ASSERT_TRUE(json::parse(text, read, error)) << error;
  EXPECT_EQ(read, value);
}

TEST(Json, UnknownFieldsAndWhiteSpaceAreTolerated) {
  EXPECT_EQ(
      reread<Item>(
          " { \"later\" : [ { \"deep\" : \"\\u00e9\" } , -1.5e+3 , true, null ] ,\n\"amount\":1,\t\"name\":\"a\" } "),
      R"({"name":"a","amount":1})");
}

TEST(Json, AMissingFieldIsNamedWithItsPlace) {
  EXPECT_EQ(reread<Item>(R"({"name":"a"})"), "error: missing field `amount`");
  EXPECT_EQ(reread<std::vector<Item>>(R"([{"name":"a","amount":1},{"name":"b"}])"),
            "error: missing field `[1].amount`");
  using Table = std::map<std::string, std::vector<Item>>;
  EXPECT_EQ(reread<Table>(R"({"k":[{"name":"b"}]})"), "error: missing field `k[0].amount`");
}

TEST(Json, AnOptionalFieldMayBeMissingOrNull) {
  EXPECT_EQ(reread<Number>("{}"), R"({"value":null})");
  EXPECT_EQ(reread<Number>(R"({"value":null})"), R"({"value":null})");
}

TEST(Json, AStructWithoutFieldsIsAnEmptyObjectOrNull) {
  struct Empty {};
  EXPECT_EQ(reread<Empty>("{}"), "{}");
  EXPECT_EQ(reread<Empty>("null"), "{}");
  EXPECT_EQ(reread<Empty>(R"({"more":1})"), "{}");
  EXPECT_EQ(reread<Empty>("1"), "error: expected an object, got a number");
}

TEST(Json, AWrongTypeIsNamedWithItsPlace) {
  EXPECT_EQ(reread<Item>(R"({"name":1,"amount":1})"), "error: field `name`: expected a string, got a number");
  EXPECT_EQ(reread<Item>(R"({"name":null,"amount":1})"), "error: field `name`: expected a string, got null");
  EXPECT_EQ(reread<Item>(R"({"name":"a","amount":"1"})"), "error: field `amount`: expected an integer, got a string");
  EXPECT_EQ(reread<Item>(R"({"name":"a","amount":1.5})"), "error: field `amount`: expected an integer, got 1.5");
  EXPECT_EQ(reread<Item>(R"({"name":"a","amount":1e3})"), "error: field `amount`: expected an integer, got 1e3");
  EXPECT_EQ(reread<Item>("[]"), "error: expected an object, got an array");
  EXPECT_EQ(reread<bool>("1"), "error: expected true or false, got a number");
  EXPECT_EQ(reread<Colour>(R"("blue")"), "error: unknown value \"blue\"; expected one of red, green");
  EXPECT_EQ(reread<Colour>(R"("")"), "error: unknown value \"\"; expected one of red, green");
}

TEST(Json, IntegersAreExactAndBounded) {
  EXPECT_EQ(reread<std::uint64_t>("18446744073709551615"), "18446744073709551615");
  EXPECT_EQ(reread<std::uint64_t>("18446744073709551616"), "error: 18446744073709551616 does not fit into 64 bits");
  EXPECT_EQ(reread<std::int64_t>("-9223372036854775808"), "-9223372036854775808");
  EXPECT_EQ(reread<std::int64_t>("9223372036854775807"), "9223372036854775807");
  EXPECT_EQ(reread<std::int64_t>("9223372036854775808"),
            "error: 9223372036854775808 does not fit; expected -9223372036854775808 to 9223372036854775807");
  EXPECT_EQ(reread<std::int64_t>("-9223372036854775809"),
            "error: -9223372036854775809 does not fit; expected -9223372036854775808 to 9223372036854775807");
  EXPECT_EQ(reread<std::uint8_t>("256"), "error: 256 does not fit; expected 0 to 255");
  EXPECT_EQ(reread<std::int8_t>("-128"), "-128");
  EXPECT_EQ(reread<std::int8_t>("-129"), "error: -129 does not fit; expected -128 to 127");
  EXPECT_EQ(reread<std::uint32_t>("-1"), "error: -1 does not fit; expected 0 to 4294967295");
  EXPECT_EQ(reread<std::uint32_t>("-0"), "0");
}

TEST(Json, DoublesReadBackAsTheSameValue) {
  for (const double value : {0.1, 1e300, -2.2250738585072014e-308, 5e-324, 123456789.125, 1.0}) {
    double read = 0;
    std::string error;
    ASSERT_TRUE(json::parse(written(value), read, error)) << error;
    EXPECT_EQ(read, value);
  }
  EXPECT_EQ(reread<double>("1e-999"), "0");
  EXPECT_EQ(reread<double>("1e999"), "error: 1e999 is too large");
  EXPECT_EQ(reread<float>("1e39"), "error: is too large for its type");
}

TEST(Json, WhatHasNoJsonIsNamedWithItsPlace) {
  EXPECT_EQ(written(Number{std::nan("")}), "error: field `value` is not a finite number");
  EXPECT_EQ(written(std::vector<Number>{{1.0}, {INFINITY}}), "error: field `[1].value` is not a finite number");
  EXPECT_EQ(written(Item{"\xff", 1}), "error: field `name` is not valid UTF-8");
  EXPECT_EQ(written(Item{"\xed\xa0\x80", 1}), "error: field `name` is not valid UTF-8");
  EXPECT_EQ(written(thalo::Json{"{"}),
            "error: the value is not valid JSON: expected a name in double quotes at byte 1");
}

TEST(Json, EscapesAndSurrogatesAreRead) {
  std::string text;
  std::string error;
  ASSERT_TRUE(json::parse(R"("\"\\\/\b\f\n\r\t\u0041\u00e9\u20AC\ud83d\ude00\u0000")", text, error)) << error;
  EXPECT_EQ(text, std::string("\"\\/\b\f\n\r\tAé€😀\0", 19));
  for (const auto* bad :
       {R"("\ud83d")", R"("\ud83d\u0041")", R"("\ude00")", R"("\ud83dx")", R"("\u12")", R"("\u12g4")", R"("\x")"}) {
    EXPECT_FALSE(json::parse(bad, text, error)) << bad;
  }
}

TEST(Json, AFieldNameMayBeWrittenWithEscapes) {
  EXPECT_EQ(reread<Item>(R"({"n\u0061me":"a","amount":1})"), R"({"name":"a","amount":1})");
}

TEST(Json, AFieldThatAppearsTwiceIsRefused) {
  EXPECT_EQ(reread<Item>(R"({"name":"a","amount":1,"name":"b"})"), "error: field `name`: appears twice");
  using Table = std::map<std::string, int>;
  EXPECT_EQ(reread<Table>(R"({"a":1,"a":2})"), "error: field `a`: appears twice");
}

TEST(Json, AnArrayOfFixedSizeMustHaveIt) {
  using Pair = std::array<int, 2>;
  EXPECT_EQ(reread<Pair>("[1,2]"), "[1,2]");
  EXPECT_EQ(reread<Pair>("[1]"), "error: expected 2 items, got 1");
  EXPECT_EQ(reread<Pair>("[1,2,3]"), "error: expected 2 items, got more");
}

TEST(Json, AVariantSaysItsKind) {
  using Shape = std::variant<Circle, Square>;
  EXPECT_EQ(reread<Shape>(R"({"Circle":{"radius":1}})"), R"({"Circle":{"radius":1}})");
  EXPECT_EQ(reread<Shape>(R"({"Line":{}})"), "error: unknown value \"Line\"; expected one of Circle, Square");
  EXPECT_EQ(reread<Shape>(R"({"Circle":{}})"), "error: missing field `Circle.radius`");
  EXPECT_EQ(reread<Shape>("{}"), "error: expected the name of one of its kinds, got an empty object");
}

TEST(Json, TextThatIsNoJsonIsRefused) {
  for (const auto* bad :
       {"",   "{",  "}",  "[1,]", "[1 2]", "{\"a\"}", "{\"a\":1,}", "{a:1}", "nul",   "tru", "01",       "-",
        "1.", "1e", "+1", ".5",   "\"",    "\"\\",    "\"\n\"",     "[1]]",  "{} {}", "'a'", "[\"\\u\"]"}) {
    thalo::Json value;
    std::string error;
    EXPECT_FALSE(json::parse(bad, value, error)) << bad;
    EXPECT_NE(error, "") << bad;
  }
}

TEST(Json, DepthIsBounded) {
  const auto nested = [](int depth) {
    return std::string(static_cast<std::size_t>(depth), '[') + std::string(static_cast<std::size_t>(depth), ']');
  };
  thalo::Json value;
  std::string error;
  EXPECT_TRUE(json::parse(nested(json::depth_max), value, error)) << error;
  EXPECT_FALSE(json::parse(nested(json::depth_max + 1), value, error));
  EXPECT_EQ(error, "nested deeper than 128");

  std::string trees;
  for (int depth = 0; depth < 1000; ++depth) trees += R"({"children":[)";
  Tree tree;
  EXPECT_FALSE(json::parse(trees, tree, error));
}

TEST(Json, EveryTruncationAndEveryChangedByteIsAnswered) {
  Everything value;
  value.items = {{"b", 2}};
  value.text = "é\n";
  const std::string text = written(value);
  std::string error;
  for (std::size_t at = 0; at < text.size(); ++at) {
    Everything read;
    EXPECT_FALSE(json::parse(std::string(text, 0, at), read, error)) << at;
    for (const char byte : {'\0', '"', '{', '}', '[', ',', '\\', '9', '\xff'}) {
      std::string changed = text;
      changed[at] = byte;
      Everything other;
      if (json::parse(changed, other, error)) continue;
      EXPECT_FALSE(error.empty());
    }
  }
}

}  // namespace
