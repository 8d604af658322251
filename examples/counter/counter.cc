// A counter that can be incremented, decremented down to zero, and reset.
#include <thalo/aggregate.h>

// Commands: what somebody asks for.
struct Increment {
  std::uint64_t amount;
};
struct Decrement {
  std::uint64_t amount;
};
struct Reset {};

// Events: what has happened. These are stored, for good.
struct Incremented {
  std::uint64_t amount;
};
struct Decremented {
  std::uint64_t amount;
};
struct WasReset {
  std::uint64_t from;
};

// Errors: why the counter refuses.
struct BelowZero {
  std::uint64_t count;
  std::uint64_t amount;
};
struct Overflow {
  std::uint64_t count;
  std::uint64_t amount;
};

struct Counter {
  using Command = std::variant<Increment, Decrement, Reset>;
  using Event = std::variant<Incremented, Decremented, WasReset>;

  std::uint64_t count = 0;

  auto handle(const Increment& command) const -> thalo::Result<Event> {
    if (command.amount > UINT64_MAX - count) return thalo::reject(Overflow{count, command.amount});
    return Incremented{command.amount};
  }

  auto handle(const Decrement& command) const -> thalo::Result<Event> {
    if (command.amount > count) return thalo::reject(BelowZero{count, command.amount});
    return Decremented{command.amount};
  }

  // A counter that stands at zero has nothing to reset: no event.
  auto handle(const Reset&) const -> std::optional<Event> {
    if (count == 0) return std::nullopt;
    return WasReset{count};
  }

  void apply(const Incremented& event) { count += event.amount; }
  void apply(const Decremented& event) { count -= event.amount; }
  void apply(const WasReset&) { count = 0; }
};

THALO_EXPORT(Counter)
