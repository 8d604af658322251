"""The counter's rules, natively: no runtime, no WebAssembly."""

from counter import MOST, BelowZero, Counter, Decrement, Decremented, Increment, Incremented, Overflow, Reset, WasReset
from thalo.testing import given


def test_an_increment_is_recorded_with_its_amount():
    given(Counter).when(Increment(10)).then(Incremented(10))


def test_counts_up_and_down():
    outcome = given(Counter, Incremented(5), Decremented(2)).when(Increment(10)).then(Incremented(10))
    assert outcome.state.count == 13


def test_goes_down_to_zero_but_not_below():
    given(Counter, Incremented(5)).when(Decrement(5)).then(Decremented(5))
    given(Counter, Incremented(5)).when(Decrement(6)).then_rejected(BelowZero(5, 6))


def test_refuses_what_it_cannot_count():
    given(Counter, Incremented(MOST)).when(Increment(1)).then_rejected(Overflow(MOST, 1))


def test_a_reset_tells_where_it_stood_and_is_nothing_at_zero():
    given(Counter, Incremented(5)).when(Reset()).then(WasReset(5))
    given(Counter, Incremented(5), WasReset(5)).when(Reset()).then()
