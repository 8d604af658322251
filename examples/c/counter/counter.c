/* A counter that can be incremented, decremented down to zero, and reset. */
#include <thalo.h>

typedef struct {
  uint64_t count;
} Counter;

static void reject_with(thalo_answer *answer, const char *error, uint64_t count, uint64_t amount) {
  thalo_reject(answer, error);
  thalo_put_u64(answer, "count", count);
  thalo_put_u64(answer, "amount", amount);
}

static void emit_amount(thalo_answer *answer, const char *event, uint64_t amount) {
  thalo_emit(answer, event);
  thalo_put_u64(answer, "amount", amount);
}

static void handle(const void *state, const thalo_message *command, const thalo_context *context, thalo_answer *answer) {
  const uint64_t count = ((const Counter *)state)->count;
  (void)context;
  if (thalo_is(command, "Increment")) {
    const uint64_t amount = thalo_u64(command, "amount");
    if (amount > UINT64_MAX - count) {
      reject_with(answer, "Overflow", count, amount);
    } else {
      emit_amount(answer, "Incremented", amount);
    }
  } else if (thalo_is(command, "Decrement")) {
    const uint64_t amount = thalo_u64(command, "amount");
    if (amount > count) {
      reject_with(answer, "BelowZero", count, amount);
    } else {
      emit_amount(answer, "Decremented", amount);
    }
  } else if (thalo_is(command, "Reset")) {
    /* A counter that stands at zero has nothing to reset: no event. */
    if (count == 0) return;
    thalo_emit(answer, "WasReset");
    thalo_put_u64(answer, "from", count);
  }
}

static void apply(void *state, const thalo_message *event) {
  Counter *counter = state;
  if (thalo_is(event, "Incremented")) {
    counter->count += thalo_u64(event, "amount");
  } else if (thalo_is(event, "Decremented")) {
    counter->count -= thalo_u64(event, "amount");
  } else if (thalo_is(event, "WasReset")) {
    counter->count = 0;
  }
}

const thalo_aggregate counter = {.size = sizeof(Counter), .handle = handle, .apply = apply};

THALO_EXPORT(counter)
