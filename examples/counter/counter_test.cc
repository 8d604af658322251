// The counter's rules, natively: no runtime, no WebAssembly.
#include "counter.cc"

#include <gtest/gtest.h>
#include <thalo/testing.h>

using thalo::testing::given;

TEST(Counter, AnIncrementIsRecordedWithItsAmount) { given<Counter>({}).when(Increment{10}).then(Incremented{10}); }

TEST(Counter, CountsUpAndDown) {
  const auto outcome = given<Counter>({Incremented{5}, Decremented{2}}).when(Increment{10}).then(Incremented{10});
  EXPECT_EQ(outcome.state().count, 13u);
}

TEST(Counter, GoesDownToZeroButNotBelow) {
  given<Counter>({Incremented{5}}).when(Decrement{5}).then(Decremented{5});
  given<Counter>({Incremented{5}}).when(Decrement{6}).then_rejected(BelowZero{5, 6});
}

TEST(Counter, RefusesWhatItCannotCount) {
  given<Counter>({Incremented{UINT64_MAX}}).when(Increment{1}).then_rejected(Overflow{UINT64_MAX, 1});
}

TEST(Counter, ResetTellsWhereItStoodAndIsNothingAtZero) {
  given<Counter>({Incremented{5}}).when(Reset{}).then(WasReset{5});
  given<Counter>({Incremented{5}, WasReset{5}}).when(Reset{}).then_nothing();
}
