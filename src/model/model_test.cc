#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "model/command.h"
#include "model/event.h"
#include "model/stream_name.h"

namespace thalo::model {
namespace {

using testing::HasSubstr;

TEST(StreamName, SplitsAtTheFirstDash) {
  const auto name = StreamName::parse("account:command+position-a-b-c").value();
  EXPECT_EQ(name.category(), "account:command+position");
  EXPECT_EQ(name.id(), "a-b-c");
  EXPECT_EQ(name, StreamName::make("account:command+position", "a-b-c").value());
}

TEST(StreamName, NamesThePartThatIsWrong) {
  EXPECT_THAT(StreamName::make("", "1").error().message, HasSubstr("name is empty"));
  EXPECT_THAT(StreamName::make("counter", "").error().message, HasSubstr("id is empty"));
  EXPECT_THAT(StreamName::make("a-b", "1").error().message, HasSubstr("illegal character '-'"));
  EXPECT_THAT(StreamName::make("../x", "1").error().message, HasSubstr("must start with a letter or a digit"));
  EXPECT_THAT(StreamName::make("counter", std::string("a\0b", 3)).error().message,
              HasSubstr("control character or invalid UTF-8 at byte 1"));
  EXPECT_THAT(StreamName::make("counter", "\xed\xa0\x80").error().message, HasSubstr("invalid UTF-8"));
  EXPECT_THAT(StreamName::make("counter", std::string(257, 'x')).error().message, HasSubstr("257 bytes; at most 256"));
  EXPECT_THAT(StreamName::parse("counter").error().message, HasSubstr("no '-'"));
  EXPECT_TRUE(StreamName::make("counter", "größe/1 ☃"));
}

TEST(StreamName, AModuleFileGivesItsCategoryInLowerCamelCase) {
  EXPECT_EQ(category_of_module("bank_account").value(), "bankAccount");
  EXPECT_EQ(category_of_module("counter").value(), "counter");
  EXPECT_EQ(category_of_module("BankAccount").value(), "bankAccount");
  EXPECT_EQ(category_of_module("bank-account").value(), "bankAccount");
  EXPECT_FALSE(category_of_module("../../x"));
  EXPECT_FALSE(category_of_module("a/b"));
  EXPECT_FALSE(category_of_module(""));
  EXPECT_FALSE(category_of_module("..."));
}

TEST(EventId, IsAUuidThatIsUniqueInItsStoreAndStable) {
  StoreId store{};
  store.fill(0xff);
  std::set<std::string> ids;
  for (GlobalPosition position = 0; position < 10000; ++position) ids.insert(event_id(store, position));
  EXPECT_EQ(ids.size(), 10000u);
  for (const auto& id : {*ids.begin(), *ids.rbegin()}) {
    ASSERT_EQ(id.size(), 36u);
    EXPECT_EQ(id[14], '8');
    EXPECT_THAT(std::string("89ab"), HasSubstr(std::string(1, id[19])));
  }
  EXPECT_EQ(event_id(store, 5), event_id(store, 5));
}

TEST(ExpectedVersion, AcceptsWhatItSays) {
  EXPECT_TRUE(ExpectedVersion::any().accepts(7));
  EXPECT_TRUE(ExpectedVersion::none().accepts(0));
  EXPECT_FALSE(ExpectedVersion::none().accepts(1));
  EXPECT_TRUE(ExpectedVersion::exact(3).accepts(3));
  EXPECT_FALSE(ExpectedVersion::exact(3).accepts(4));
}

}  // namespace
}  // namespace thalo::model
