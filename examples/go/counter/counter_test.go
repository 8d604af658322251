// The counter's rules, natively: no runtime, no WebAssembly.
package main

import (
	"math"
	"testing"

	"thalo/thalotest"
)

func TestAnIncrementIsRecordedWithItsAmount(t *testing.T) {
	thalotest.Given[Counter](t).When(Increment{10}).Then(Incremented{10})
}

func TestCountsUpAndDown(t *testing.T) {
	outcome := thalotest.Given[Counter](t, Incremented{5}, Decremented{2}).When(Increment{10}).Then(Incremented{10})
	if outcome.State().Count != 13 {
		t.Errorf("the count is %d", outcome.State().Count)
	}
}

func TestGoesDownToZeroButNotBelow(t *testing.T) {
	thalotest.Given[Counter](t, Incremented{5}).When(Decrement{5}).Then(Decremented{5})
	thalotest.Given[Counter](t, Incremented{5}).When(Decrement{6}).ThenRejected(BelowZero{5, 6})
}

func TestRefusesWhatItCannotCount(t *testing.T) {
	thalotest.Given[Counter](t, Incremented{math.MaxUint64}).When(Increment{1}).ThenRejected(Overflow{math.MaxUint64, 1})
}

func TestResetTellsWhereItStoodAndIsNothingAtZero(t *testing.T) {
	thalotest.Given[Counter](t, Incremented{5}).When(Reset{}).Then(WasReset{5})
	thalotest.Given[Counter](t, Incremented{5}, WasReset{5}).When(Reset{}).Then()
}
