// thalo tail: follow the store.
#include <poll.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

#include "base/counted.h"
#include "cli/connection.h"
#include "cli/event_text.h"
#include "cli/interrupt.h"
#include "cli/same_store.h"
#include "cli/subcommands.h"
#include "cli/terminal.h"
#include "model/stream_name.h"

namespace thalo::cli {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds backoff_first{100};
constexpr milliseconds backoff_max{1000};

struct TailFlags {
  ServerFlags server;
  std::optional<model::GlobalPosition> from;
  client::Filter filter;
  bool json = false;
  bool no_follow = false;
};

// Sleeps, but not past a stop for long.
void rest(milliseconds time, const std::stop_token& stop) {
  for (milliseconds slept{0}; slept < time && !stop.stop_requested(); slept += milliseconds(20))
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
  return std::cout.good() && !interrupted();
}

// Requests a stop when Ctrl-C comes.
std::jthread watch_interrupts(std::stop_source& stop) {
  return std::jthread([&stop](const std::stop_token& done) {
    pollfd ready{interrupt_fd(), POLLIN, 0};
    while (!done.stop_requested()) {
      if (::poll(&ready, 1, 100) > 0) {
        stop.request_stop();
        return;
      }
    }
  });
}

// Told only when there were some: a filter that leaves nothing out is no news.
void tell_skipped(std::uint64_t skipped, model::GlobalPosition next) {
  if (skipped == 0) return;
  std::cout.flush();
  std::cerr << base::counted(skipped, "event") << " before global position " << next << " did not match the filter\n";
}

int show_stored(client::Client& client, const TailFlags& flags, bool colour) {
  client::ReadAllOptions options;
  options.from = flags.from.value_or(0);
  options.categories = flags.filter.categories;
  options.streams = flags.filter.streams;
  options.types = flags.filter.types;
  std::uint64_t shown = 0;
  bool ended_early = false;
  const auto next = client.read_all(options, [&](const client::Event& event) {
    ++shown;
    ended_early = !print(event, flags, colour);
    return !ended_early;
  });
  if (!next) return report(next.error());
  if (!ended_early) tell_skipped(*next - options.from - shown, *next);
  return exit_ok;
}

// Follows the store until Ctrl-C; a server that goes away is waited for.
int follow(client::Client& client, const TailFlags& flags, bool colour) {
  std::stop_source stop;
  const auto watching = watch_interrupts(stop);
  client::SubscribeOptions options{flags.from, flags.filter, milliseconds(0), stop.get_token()};
  bool lost = false;
  std::optional<client::Event> last;  // that was shown
  bool unseen_told = false;
  std::optional<std::uint64_t> skipped = 0;  // of what was stored already; absent: told
  milliseconds backoff = backoff_first;
  std::optional<base::Error> other_store;
  const auto show = [&](const client::SubscriptionBatch& batch) {
    // Of another store, events would be left out and nobody told.
    if (lost && last) {
      if (auto same = check_same_store(client, last->global_position, to_json(*last)); !same) {
        other_store = std::move(same.error());
        return false;
      }
    }
    if (lost) std::cerr << "connected again; going on from global position " << *options.from << '\n';
    lost = false;
    backoff = backoff_first;
    for (const client::Event& event : batch.events) {
      if (!print(event, flags, colour)) return false;
    }
    if (!batch.events.empty()) last = batch.events.back();
    if (skipped) *skipped += batch.skipped;
    if (batch.caught_up && skipped) {
      tell_skipped(*skipped, batch.next);
      skipped.reset();
    }
    if (!batch.unseen.empty() && !std::exchange(unseen_told, true)) {
      std::cerr << (flags.from ? "nothing yet of" : "nothing new yet of");
      for (const auto& part : batch.unseen) std::cerr << (&part == batch.unseen.data() ? " " : ", ") << part;
      std::cerr << '\n';
    }
    std::cout.flush();
    options.from = batch.next;
    return std::cout.good();
  };
  while (!stop.stop_requested() && std::cout.good()) {
    auto ended = client.subscribe(options, show);
    if (other_store) ended = std::unexpected(*std::exchange(other_store, std::nullopt));
    if (ended) break;
    if (!ended.error().retryable()) return report(ended.error());
    if (!lost) std::cerr << "waiting for the server: " << ended.error().message << '\n';
    // Without a place to go on from, what is stored meanwhile would be missed.
    lost = options.from.has_value();
    rest(backoff, stop.get_token());
    backoff = std::min(backoff * 2, backoff_max);
  }
  return exit_ok;
}

base::Result<> check_all(const std::vector<std::string>& texts, const char* flag,
                         base::Result<> (*check)(std::string_view)) {
  for (const std::string& text : texts) {
    if (const auto legal = check(text); !legal)
      return base::fail(legal.error().code, std::string(flag) + ": " + legal.error().message);
  }
  return {};
}

// What no event can have is a mistake, not an empty result.
base::Result<> check_filter(const client::Filter& filter) {
  const auto check_stream = [](std::string_view text) -> base::Result<> {
    if (auto name = model::StreamName::parse(text); !name) return std::unexpected(name.error());
    return {};
  };
  if (auto legal = check_all(filter.categories, "--category", model::check_category); !legal) return legal;
  if (auto legal = check_all(filter.streams, "--stream", check_stream); !legal) return legal;
  return check_all(filter.types, "--type", model::check_event_type);
}

int tail(const TailFlags& flags) {
  if (auto legal = check_filter(flags.filter); !legal) return report(legal.error());
  catch_interrupts();
  auto client = connect(flags.server);
  if (!client) return report(client.error());
  const bool colour = colour_wanted();
  return flags.no_follow ? show_stored(**client, flags, colour) : follow(**client, flags, colour);
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
