// The account's rules, natively: no runtime, no WebAssembly.
#include "bank_account.cc"

#include <gtest/gtest.h>
#include <thalo/testing.h>

using thalo::testing::given;

TEST(BankAccount, OpensOnce) {
  given<BankAccount>({}).when(OpenAccount{"Ann", 500}).then(AccountOpened{"Ann", 500});
  given<BankAccount>({}).when(OpenAccount{"Ann", {}}).then(AccountOpened{"Ann", 0});
  given<BankAccount>({AccountOpened{"Ann", 0}}).when(OpenAccount{"Bob", {}}).then_rejected(AccountAlreadyOpen{});
}

TEST(BankAccount, DoesNothingBeforeItIsOpen) {
  given<BankAccount>({}).when(DepositFunds{1}).then_rejected(AccountNotOpen{});
  given<BankAccount>({}).when(WithdrawFunds{1}).then_rejected(AccountNotOpen{});
}

TEST(BankAccount, RefusesAmountsThatAreNone) {
  given<BankAccount>({AccountOpened{"Ann", 5}}).when(DepositFunds{0}).then_rejected(InvalidAmount{0});
  given<BankAccount>({AccountOpened{"Ann", 5}}).when(WithdrawFunds{0}).then_rejected(InvalidAmount{0});
  given<BankAccount>({AccountOpened{"Ann", 5}}).when(DepositFunds{UINT64_MAX}).then_rejected(InvalidAmount{UINT64_MAX});
}

TEST(BankAccount, IsNeverOverdrawn) {
  given<BankAccount>({AccountOpened{"Ann", 500}, FundsWithdrawn{200}})
      .when(WithdrawFunds{300})
      .then(FundsWithdrawn{300});
  given<BankAccount>({AccountOpened{"Ann", 500}, FundsWithdrawn{200}})
      .when(WithdrawFunds{301})
      .then_rejected(InsufficientFunds{300, 301});
}

TEST(BankAccount, CountsWhatComesAndGoes) {
  const auto outcome = given<BankAccount>({AccountOpened{"Ann", 500}, FundsDeposited{50}, FundsWithdrawn{200}})
                           .when(DepositFunds{7})
                           .then(FundsDeposited{7});
  EXPECT_EQ(outcome.state().balance_cents, 357u);
  EXPECT_EQ(outcome.state().owner, "Ann");
}
