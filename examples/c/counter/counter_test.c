/* The counter's rules, natively: no runtime, no WebAssembly. */
#include "counter.c"

#include <thalo_test.h>

int main(void) {
  /* An increment is recorded with its amount; counts up and down. */
  thalo_given(&counter);
  thalo_when("Increment", "{\"amount\":10}");
  thalo_then("Incremented {\"amount\":10}");
  thalo_when("Decrement", "{\"amount\":3}");
  thalo_then("Decremented {\"amount\":3}");
  thalo_check_state(Counter, state->count == 7);

  /* Goes down to zero but not below. */
  thalo_when("Decrement", "{\"amount\":8}");
  thalo_then_rejected("{\"type\":\"BelowZero\",\"count\":7,\"amount\":8}");
  thalo_when("Decrement", "{\"amount\":7}");
  thalo_then("Decremented {\"amount\":7}");

  /* Refuses what it cannot count. */
  thalo_given(&counter);
  thalo_event("Incremented", "{\"amount\":18446744073709551615}");
  thalo_when("Increment", "{\"amount\":1}");
  thalo_then_rejected("{\"type\":\"Overflow\",\"count\":18446744073709551615,\"amount\":1}");

  /* A reset tells where it stood and is nothing at zero. */
  thalo_when("Reset", "{}");
  thalo_then("WasReset {\"from\":18446744073709551615}");
  thalo_when("Reset", "{}");
  thalo_then_nothing();
  return thalo_end();
}
