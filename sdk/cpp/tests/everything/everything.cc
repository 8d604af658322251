// A guest that uses all of the SDK, for the test that runs it in the real host (guest_test.cc).
#include <thalo/aggregate.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>

enum class Colour { red, green };
struct Circle {
  double radius;
};
struct Square {
  double side;
};

struct Values {
  bool yes;
  std::int8_t tiny;
  std::uint64_t large;
  double real;
  std::string text;
  Colour colour;
  std::optional<std::string> maybe;
  std::vector<std::int32_t> numbers;
  std::map<std::string, std::uint32_t> counts;
  std::variant<Circle, Square> shape;
  thalo::Json raw;
};

struct Keep {
  Values values;
};
struct Kept {
  Values values;
};

struct TellContext {};
struct ContextTold {
  std::string id, command_id, correlation_id, causation_id, metadata;
  std::uint64_t time_ms, version;
};

struct Repeat {
  std::uint32_t times;
  std::string text;
};
struct Repeated {
  std::string text;
};

struct Refuse {
  std::string reason;
};
struct Unfit {
  std::string reason;
};

struct Print {};
struct AskTheOutside {};
struct OutsideAsked {
  std::int64_t wall_seconds;
  bool monotonic_advances;
  std::uint32_t random, random_again;
  bool has_environment, has_file;
};

struct Break {
  std::string how;
};

struct Everything {
  using Command = std::variant<Keep, TellContext, Repeat, Refuse, Print, AskTheOutside, Break>;
  using Event = std::variant<Kept, ContextTold, Repeated, OutsideAsked>;
  static constexpr std::string_view snapshot_format = "everything-1";

  std::vector<std::string> texts;
  std::optional<Values> last;

  auto handle(const Keep& command) const -> thalo::Result<Event> { return Kept{command.values}; }

  auto handle(const TellContext&, const thalo::Context& context) const -> ContextTold {
    return {.id = std::string(context.id),
            .command_id = std::string(context.command_id),
            .correlation_id = std::string(context.correlation_id),
            .causation_id = std::string(context.causation_id),
            .metadata = std::string(context.metadata),
            .time_ms = context.time_ms,
            .version = context.version};
  }

  auto handle(const Repeat& command) const -> std::vector<Repeated> {
    return std::vector<Repeated>(command.times, Repeated{command.text});
  }

  auto handle(const Refuse& command) const -> thalo::Result<Event> { return thalo::reject(Unfit{command.reason}); }

  auto handle(const Print&) const -> std::optional<Event> {
    thalo::log::debug("a line for debugging");
    std::printf("one %d\ntwo é\n", 1);
    std::fprintf(stderr, "bad \xff byte\n");
    return std::nullopt;
  }

  auto handle(const AskTheOutside&) const -> OutsideAsked {
    const auto before = std::chrono::steady_clock::now();
    std::FILE* file = std::fopen("/etc/passwd", "r");
    return {.wall_seconds =
                std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
                    .count(),
            .monotonic_advances = std::chrono::steady_clock::now() > before,
            .random = std::random_device()(),
            .random_again = std::random_device()(),
            .has_environment = std::getenv("HOME") != nullptr,
            .has_file = file != nullptr};
  }

  auto handle(const Break& command) const -> std::optional<Event> {
    if (command.how == "abort") std::abort();
    if (command.how == "exit") std::exit(0);
    if (command.how == "at") return Repeated{texts.at(texts.size() + 1)};
    if (command.how == "recursion") return Repeated{std::to_string(deep(1))};
    if (command.how == "memory") {
      std::vector<std::string> all;
      while (true) all.emplace_back(1 << 20, 'x');
    }
    return std::nullopt;
  }

  void apply(const Kept& event) { last = event.values; }
  void apply(const ContextTold&) {}
  void apply(const Repeated& event) { texts.push_back(event.text); }
  void apply(const OutsideAsked&) {}

 private:
  static int deep(int depth) {
    volatile int here[64] = {depth};
    return depth == 0 ? 0 : deep(depth + 1) + here[0];
  }
};

THALO_EXPORT(Everything)
