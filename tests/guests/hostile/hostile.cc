// An aggregate that means harm, for the end-to-end tests: each command is one way to misbehave.
#include <thalo/aggregate.h>

#include <string>
#include <vector>

struct Behave {};
struct Trap {};
struct Spin {};
struct Eat {};
struct Recurse {};
struct Many {
  std::uint64_t events;
};
struct Big {
  std::uint64_t bytes;
};
// Stores an event that traps when it is applied.
struct Poison {};

struct Noted {
  std::string text;
};
struct Poisoned {};

namespace {

std::uint64_t depth(volatile std::uint64_t* level) {
  volatile std::uint64_t next = *level + 1;
  if (next == 0) return 0;  // never: it only hides the obvious from the compiler
  return depth(&next) + next;
}

}  // namespace

struct Hostile {
  using Command = std::variant<Behave, Trap, Spin, Eat, Recurse, Many, Big, Poison>;
  using Event = std::variant<Noted, Poisoned>;

  std::uint64_t noted = 0;

  auto handle(const Behave&) const -> thalo::Result<Event> { return Noted{std::to_string(noted)}; }
  auto handle(const Trap&) const -> thalo::Result<Event> { __builtin_trap(); }
  auto handle(const Spin&) const -> thalo::Result<Event> {
    for (volatile std::uint64_t i = 0;; i = i + 1) {
    }
  }
  auto handle(const Eat&) const -> thalo::Result<Event> {
    std::vector<std::string> eaten;
    while (true) eaten.emplace_back(1 << 20, 'x');
  }
  auto handle(const Recurse&) const -> thalo::Result<Event> {
    volatile std::uint64_t level = 0;
    return Noted{std::to_string(depth(&level))};
  }
  auto handle(const Many& command) const -> thalo::Result<std::vector<Event>> {
    return std::vector<Event>(command.events, Noted{"x"});
  }
  auto handle(const Big& command) const -> thalo::Result<Event> { return Noted{std::string(command.bytes, 'x')}; }
  auto handle(const Poison&) const -> thalo::Result<Event> { return Poisoned{}; }

  void apply(const Noted&) { ++noted; }
  void apply(const Poisoned&) { __builtin_trap(); }
};

THALO_EXPORT(Hostile)
