// thalo tail: follow the store.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <csignal>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <thread>

#include "cli/connection.h"
#include "cli/event_text.h"
#include "cli/subcommands.h"
#include "cli/terminal.h"

namespace thalo::cli {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds poll_interval{100};
constexpr milliseconds backoff_max{1000};

struct TailFlags {
  ServerFlags server;
  std::optional<model::GlobalPosition> from;
  client::ReadAllOptions filter;
  bool json = false;
  bool no_follow = false;
};

volatile std::sig_atomic_t interrupted = 0;

// Sleeps, but not past an interrupt for long.
void rest(milliseconds time) {
  for (milliseconds slept{0}; slept < time && interrupted == 0; slept += milliseconds(20))
    std::this_thread::sleep_for(milliseconds(20));
}

// Everything of a stream in one colour.
std::string stream_text(const std::string& stream, bool colour) {
  static constexpr std::array<std::string_view, 6> colours = {"31", "32", "33", "34", "35", "36"};
  return coloured(stream, colours[std::hash<std::string>{}(stream) % colours.size()], colour);
}

bool print(const client::Event& event, const TailFlags& flags, bool colour) {
  if (flags.json) {
    std::cout << to_json(event) << '\n';
  } else {
    std::cout << coloured(std::to_string(event.global_position), "2", colour) << "  " << time_text(event.time_ms)
              << "  " << stream_text(event.stream, colour) << "  " << coloured(event.type, "1", colour) << "  "
              << event.data << '\n';
  }
  return std::cout.good() && interrupted == 0;
}

int tail(TailFlags flags) {
  std::signal(SIGINT, [](int) { interrupted = 1; });
  std::signal(SIGTERM, [](int) { interrupted = 1; });
  auto client = connect(flags.server);
  if (!client) return report(client.error());
  const bool colour = colour_wanted();
  bool lost = false;
  milliseconds backoff = poll_interval;
  bool started = flags.from.has_value() || flags.no_follow;
  flags.filter.from = flags.from.value_or(0);
  while (interrupted == 0 && std::cout.good()) {
    auto next = started ? (*client)->read_all(flags.filter,
                                              [&](const client::Event& event) { return print(event, flags, colour); })
                        : (*client)->head();
    if (next) {
      std::cout.flush();
      if (flags.no_follow) return exit_ok;
      if (lost) std::cerr << "connected again; going on from global position " << *next << '\n';
      started = true;
      lost = false;
      backoff = poll_interval;
      flags.filter.from = *next;
      rest(poll_interval);
      continue;
    }
    if (!next.error().retryable()) return report(next.error());
    if (flags.no_follow) return report(next.error());
    if (!lost) std::cerr << "waiting for the server: " << next.error().message << '\n';
    lost = true;
    rest(backoff);
    backoff = std::min(backoff * 2, backoff_max);
  }
  return exit_ok;
}

}  // namespace

void add_tail(CLI::App& app, Session& session) {
  auto flags = std::make_shared<TailFlags>();
  CLI::App* command = app.add_subcommand("tail", "Follow the events of the store as they are stored");
  command->footer(
      "Example: thalo tail --category counter\nCtrl-C ends it. When the server goes away it waits and goes on where it "
      "was.");
  add_server_flags(*command, flags->server);
  command->add_option("--from", flags->from, "Global position to start from [default: only what is new]");
  command->add_option("--category", flags->filter.categories, "Only this category; may be repeated");
  command->add_option("--stream", flags->filter.streams, "Only this stream; may be repeated");
  command->add_option("--type", flags->filter.types, "Only events of this type; may be repeated");
  command->add_flag("--no-follow", flags->no_follow, "Stop at the end of what is stored, from the beginning or --from");
  command->add_flag("--json", flags->json, "Print one JSON object a line");
  command->callback([flags, &session] { session.exit_code = tail(*flags); });
}

}  // namespace thalo::cli
