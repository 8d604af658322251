// An aggregate whose commands cost as much as they are told to, for measuring what happens beyond the capacity.
#include <thalo/aggregate.h>

struct Work {
  std::uint64_t rounds;
};

struct Worked {
  std::uint64_t result;
};

struct Worker {
  using Command = std::variant<Work>;
  using Event = std::variant<Worked>;

  std::uint64_t state = 88172645463325252;

  auto handle(const Work& command) const -> thalo::Result<Event> {
    std::uint64_t value = state;
    for (std::uint64_t round = 0; round < command.rounds; ++round) {
      value ^= value << 13;
      value ^= value >> 7;
      value ^= value << 17;
    }
    return Worked{value};
  }

  void apply(const Worked& event) { state = event.result; }
};

THALO_EXPORT(Worker)
