// The typed side of an aggregate: what its functions may look like, and what comes of them as texts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "thalo/testing.h"

namespace bank {

struct Open {
  std::string owner;
};
struct Deposit {
  std::uint32_t amount;
};
struct Withdraw {
  std::uint32_t amount;
};
struct Close {};
struct Split {
  std::vector<std::uint32_t> amounts;
};
struct Skew {
  double by;
};

struct Opened {
  std::string owner;
  std::string account;
};
struct Deposited {
  std::uint32_t amount;
};
struct Withdrawn {
  std::uint32_t amount;
};
struct Closed {
  std::uint64_t at_ms;
};
struct Skewed {
  double by;
};

struct InsufficientFunds {
  std::uint32_t balance;
};

class Account {
 public:
  using Command = std::variant<Open, Deposit, Withdraw, Close, Split, Skew>;
  using Event = std::variant<Opened, Deposited, Withdrawn, Closed, Skewed>;
  static constexpr std::string_view snapshot_format = "account-1";
  struct State {
    std::uint32_t balance = 0;
    bool open = false;
  };

  explicit Account(std::string_view id) : id_(id) {}

  auto handle(const Open& command) const -> thalo::Result<Event> { return Opened{command.owner, id_}; }
  auto handle(const Deposit& command) const -> Deposited { return Deposited{command.amount}; }
  auto handle(const Withdraw& command) const -> thalo::Result<std::vector<Event>> {
    if (!state_.open) return thalo::reject("the account is closed");
    if (command.amount > state_.balance) return thalo::reject(InsufficientFunds{.balance = state_.balance});
    if (command.amount == state_.balance) return std::vector<Event>{Withdrawn{command.amount}, Closed{0}};
    return std::vector<Event>{Withdrawn{command.amount}};
  }
  auto handle(const Close&, const thalo::Context& context) const -> std::optional<Event> {
    if (!state_.open) return std::nullopt;
    return Closed{context.time_ms + context.version};
  }
  auto handle(const Split& command) const -> std::vector<Deposited> {
    std::vector<Deposited> events;
    for (const auto amount : command.amounts) events.push_back({amount});
    return events;
  }
  auto handle(const Skew& command) const -> Event { return Skewed{command.by / 0.0}; }

  void apply(const Opened&) { state_.open = true; }
  void apply(const Deposited& event) { state_.balance += event.amount; }
  void apply(const Withdrawn& event) { state_.balance -= event.amount; }
  void apply(const Closed&) { state_.open = false; }
  void apply(const Skewed&) {}

  State snapshot() const { return state_; }
  void restore(const State& state) { state_ = state; }

 private:
  std::string id_;
  State state_;
};
THALO_EXPORT(Account)

namespace {

using ::testing::HasSubstr;
using thalo::testing::given;

TEST(Aggregate, OneEventComesAsResultVariantOrBareStruct) {
  given<Account>({}).with_id("a-1").when(Open{"Ann"}).then(Opened{"Ann", "a-1"});
  given<Account>({}).when(Deposit{5}).then(Deposited{5});
}

TEST(Aggregate, SeveralEventsComeAsAVectorAndChangeTheStateInOrder) {
  const auto outcome = given<Account>({Opened{}, Deposited{5}}).when(Withdraw{5}).then(Withdrawn{5}, Closed{0});
  EXPECT_FALSE(outcome.state().snapshot().open);
  given<Account>({}).when(Split{{1, 2, 3}}).then(Deposited{1}, Deposited{2}, Deposited{3});
  given<Account>({}).when(Split{}).then_nothing();
}

TEST(Aggregate, ARefusalCarriesItsTypeAndFields) {
  given<Account>({Opened{}, Deposited{5}})
      .when(Withdraw{6})
      .then_rejected(InsufficientFunds{5})
      .then_rejected<InsufficientFunds>();
  given<Account>({}).when(Withdraw{6}).then_rejected("the account is closed");
  const auto rejection = thalo::reject(InsufficientFunds{5}).error();
  EXPECT_EQ(rejection.name, "InsufficientFunds");
  EXPECT_EQ(rejection.json, R"({"type":"InsufficientFunds","balance":5})");
}

TEST(Aggregate, TheContextReachesAHandlerThatAsksForIt) {
  given<Account>({Opened{}, Deposited{5}}).at(1000).when(Close{}).then(Closed{1002});
  given<Account>({}).when(Close{}).then_nothing();
}

TEST(Aggregate, AnUnreadableCommandIsInvalidToTheKit) {
  given<Account>({}).when_json("Deposit", R"({"amount":-1})").then_invalid("`amount`");
  given<Account>({}).when_json("Burn", "{}").then_invalid("unknown command");
  given<Account>({}).when_json("Deposit", R"({"amount":5})").then(Deposited{5});
}

TEST(Aggregate, AnUnknownCommandOrEventListsTheKnownOnes) {
  Account account("a");
  thalo::detail::Answer answer;
  thalo::detail::handle(account, "Burn", "{}", {}, answer);
  ASSERT_TRUE(answer.failure);
  EXPECT_EQ(answer.failure->kind, thalo::detail::FailureCase::deserialize_command);
  EXPECT_EQ(answer.failure->message, "unknown command; known are Open, Deposit, Withdraw, Close, Split, Skew");
  std::string error;
  EXPECT_FALSE(thalo::detail::apply(account, "Burnt", "{}", error));
  EXPECT_EQ(error, "unknown event; known are Opened, Deposited, Withdrawn, Closed, Skewed");
}

TEST(Aggregate, AnEventThatHasNoJsonIsAFailureAndNotAnEvent) {
  thalo::detail::Answer answer;
  thalo::detail::handle(Account("a"), "Skew", R"({"by":1})", {}, answer);
  ASSERT_TRUE(answer.failure);
  EXPECT_EQ(answer.failure->kind, thalo::detail::FailureCase::serialize_event);
  EXPECT_EQ(answer.failure->message, "Skewed: field `by` is not a finite number");
}

TEST(Aggregate, ASnapshotBringsTheStateBack) {
  Account account("a");
  account.apply(Opened{});
  account.apply(Deposited{7});
  std::string text;
  std::string error;
  ASSERT_TRUE(thalo::detail::snapshot(account, text, error));
  EXPECT_EQ(text, R"({"balance":7,"open":true})");
  Account other("a");
  ASSERT_TRUE(thalo::detail::restore(other, text, error)) << error;
  EXPECT_EQ(other.snapshot().balance, 7u);
  EXPECT_FALSE(thalo::detail::restore(other, R"({"balance":7})", error));
  EXPECT_EQ(error, "missing field `open`");
}

std::string last_failure;

// Expectations that do not hold are told with the whole story.
TEST(Kit, AFailedExpectationShowsWhatWasExpectedAndWhatCame) {
  const auto reported =
      std::exchange(thalo::testing::on_failure,
                    [](const std::source_location&, const std::string& message) { last_failure = message; });
  given<Account>({Opened{"Ann", "test"}}).when(Deposit{5}).then(Deposited{6});
  EXPECT_EQ(last_failure,
            "given\n    Opened {\"owner\":\"Ann\",\"account\":\"test\"}\n  when\n    Deposit {\"amount\":5}\n"
            "  expected\n    Deposited {\"amount\":6}\n  but got\n    Deposited {\"amount\":5}\n");
  last_failure.clear();
  given<Account>({}).when(Deposit{5}).then_nothing();
  EXPECT_THAT(last_failure, HasSubstr("expected\n    nothing"));
  last_failure.clear();
  given<Account>({}).when(Deposit{5}).then_rejected<InsufficientFunds>();
  EXPECT_THAT(last_failure, HasSubstr("rejected: InsufficientFunds"));
  last_failure.clear();
  given<Account>({}).when(Deposit{5}).then_invalid();
  EXPECT_THAT(last_failure, HasSubstr("expected\n    invalid: \n  but got\n    Deposited"));
  last_failure.clear();
  given<Account>({}).when_json("Deposit", "{}").then_invalid("`other`");
  EXPECT_THAT(last_failure, HasSubstr("invalid: `other`\n  but got\n    invalid: missing field `amount`"));
  last_failure.clear();
  given<Account>({}).when(Skew{1}).then(Skewed{1});
  EXPECT_THAT(last_failure, HasSubstr("failed: Skewed: field `by` is not a finite number"));
  thalo::testing::on_failure = reported;
}

TEST(Kit, WhatNothingIsExpectedOfFails) {
  const auto reported =
      std::exchange(thalo::testing::on_failure,
                    [](const std::source_location&, const std::string& message) { last_failure += message + "|"; });
  last_failure.clear();
  {
    const auto unused = given<Account>({});
  }
  EXPECT_EQ(std::exchange(last_failure, ""), "nothing is done with this given: where is the when?|");
  {
    const auto unused = given<Account>({}).when(Deposit{5});
  }
  EXPECT_EQ(std::exchange(last_failure, ""), "nothing is expected of this when: where is the then?|");
  {
    auto past = given<Account>({}).with_id("a");
    const auto outcome = past.when(Deposit{5}).then(Deposited{5});
    EXPECT_EQ(past.when(Deposit{5}).state().snapshot().balance, 5u);
  }
  EXPECT_EQ(last_failure, "");
  thalo::testing::on_failure = reported;
}

// What the kit's JSON round trip is for: this command could never arrive.
TEST(Kit, ACommandThatHasNoJsonFails) {
  const auto reported =
      std::exchange(thalo::testing::on_failure,
                    [](const std::source_location&, const std::string& message) { last_failure = message; });
  last_failure.clear();
  given<Account>({}).when(Open{"\xff"}).then(Opened{"\xff", "test"});
  EXPECT_NE(last_failure, "");
  thalo::testing::on_failure = reported;
}

}  // namespace
}  // namespace bank
