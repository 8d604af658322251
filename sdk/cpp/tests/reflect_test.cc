#include "thalo/reflect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace {

using ::testing::ElementsAre;
namespace reflect = thalo::reflect;

struct Empty {};
struct Single {
  std::string only;
};
struct Nested {
  Single first;
  std::vector<Single> list;
  std::map<std::string, Single> table;
  std::optional<Single> maybe;
  std::array<int, 3> three;
  std::variant<int, Single> either;
  std::vector<bool> bits;
};
struct WithDefaults {
  int amount = 3;
  std::string name = "x";
  std::optional<int> limit = 4;
  bool class_ = false;
};
struct Tree {
  int value;
  std::vector<Tree> children;
};
template <class T>
struct Box {
  T value;
};
struct Renamed {
  static constexpr std::string_view type_name = "money.moved";
};
struct Wide {
  int a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16;
  int b1, b2, b3, b4, b5, b6, b7, b8, b9, b10, b11, b12, b13, b14, b15, b16;
};
enum class Colour : std::uint8_t { red, green = 5 };

TEST(Reflect, ATypesNameIsItsOwnWithoutNamespaceAndArguments) {
  struct Local {};
  EXPECT_EQ(reflect::type_name<Single>(), "Single");
  EXPECT_EQ(reflect::type_name<Local>(), "Local");
  EXPECT_EQ(reflect::type_name<Box<std::vector<int>>>(), "Box");
  EXPECT_EQ(reflect::type_name<Renamed>(), "money.moved");
}

TEST(Reflect, CountsFieldsOfEveryKind) {
  EXPECT_EQ(reflect::field_count<Empty>, 0u);
  EXPECT_EQ(reflect::field_count<Single>, 1u);
  EXPECT_EQ(reflect::field_count<Nested>, 7u);
  EXPECT_EQ(reflect::field_count<Tree>, 2u);
  EXPECT_EQ(reflect::field_count<Wide>, 32u);
}

TEST(Reflect, NamesFieldsInOrderAndDropsOneTrailingUnderscore) {
  EXPECT_THAT(reflect::field_names<Nested>, ElementsAre("first", "list", "table", "maybe", "three", "either", "bits"));
  EXPECT_THAT(reflect::field_names<WithDefaults>, ElementsAre("amount", "name", "limit", "class"));
  EXPECT_EQ(reflect::field_names<Wide>[31], "b16");
}

TEST(Reflect, FieldsAreReferences) {
  WithDefaults object;
  std::get<0>(reflect::fields(object)) = 7;
  EXPECT_EQ(object.amount, 7);
}

TEST(Reflect, NamesTheValuesOfAnEnum) {
  EXPECT_EQ(reflect::enum_names<Colour>[0], "red");
  EXPECT_EQ(reflect::enum_names<Colour>[1], "");
  EXPECT_EQ(reflect::enum_names<Colour>[5], "green");
}

}  // namespace
