// thalo projections: what the named consumers are doing, and what an operator does about it.
#include "client/projections.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <functional>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <optional>

#include "base/counted.h"
#include "base/json.h"
#include "cli/connection.h"
#include "cli/event_text.h"
#include "cli/subcommands.h"
#include "cli/terminal.h"

namespace thalo::cli {
namespace {

struct ProjectionsFlags {
  ServerFlags server;
  std::string name;
  std::string action;
  std::string to;
  std::string stream;
  std::optional<model::GlobalPosition> event;
  bool json = false;
};

std::string list_json(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const auto& text : texts) out += (&text == texts.data() ? "" : ",") + base::json_quote(text);
  return out + "]";
}

std::string to_json(const client::Filter& filter) {
  return "{\"categories\":" + list_json(filter.categories) + ",\"types\":" + list_json(filter.types) +
         ",\"streams\":" + list_json(filter.streams) + "}";
}

std::string to_json(const client::HeldStream& held) {
  return "{\"stream\":" + base::json_quote(held.stream) + ",\"parked\":" + (held.parked ? "true" : "false") +
         ",\"position\":" + std::to_string(held.position) +
         ",\"global_position\":" + std::to_string(held.global_position) +
         ",\"attempts\":" + std::to_string(held.attempts) + ",\"error\":" + base::json_quote(held.error) +
         ",\"first_failed_ms\":" + std::to_string(held.first_failed_ms) +
         ",\"last_failed_ms\":" + std::to_string(held.last_failed_ms) +
         ",\"retry_at_ms\":" + std::to_string(held.retry_at_ms) + "}";
}

template <class Items, class Text>
std::string array_json(const Items& items, Text text) {
  std::string out = "[";
  for (const auto& item : items) out += (&item == items.data() ? "" : ",") + text(item);
  return out + "]";
}

std::string to_json(const client::Projection& projection) {
  const auto member = [](const client::ProjectionMember& one) {
    return "{\"member\":" + base::json_quote(one.member) + ",\"unacknowledged\":" + std::to_string(one.unacknowledged) +
           "}";
  };
  return "{\"name\":" + base::json_quote(projection.name) +
         ",\"filters\":" + array_json(projection.filters, [](const auto& filter) { return to_json(filter); }) +
         ",\"cursor\":" + std::to_string(projection.cursor) + ",\"head\":" + std::to_string(projection.head) +
         ",\"lag_events\":" + std::to_string(projection.lag_events) +
         ",\"lag_ms\":" + std::to_string(projection.lag.count()) +
         ",\"paused\":" + (projection.paused ? "true" : "false") +
         ",\"stopped\":" + base::json_quote(projection.stopped) +
         ",\"members\":" + array_json(projection.members, member) +
         ",\"held\":" + array_json(projection.held, [](const auto& held) { return to_json(held); }) +
         ",\"unseen\":" + list_json(projection.unseen) + ",\"delivered\":" + std::to_string(projection.delivered) +
         ",\"failures\":" + std::to_string(projection.failures) + ",\"skipped\":" + std::to_string(projection.skipped) +
         "}";
}

std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const auto& text : texts) out += (out.empty() ? "" : ",") + text;
  return out;
}

std::string filter_text(const std::vector<client::Filter>& filters) {
  std::string out;
  for (const auto& filter : filters) {
    std::string part;
    const auto add = [&](const char* what, const std::vector<std::string>& texts) {
      if (!texts.empty()) part += (part.empty() ? "" : " ") + std::string(what) + "=" + joined(texts);
    };
    add("category", filter.categories);
    add("type", filter.types);
    add("stream", filter.streams);
    if (!part.empty()) out += (out.empty() ? "" : " or ") + part;
  }
  return out.empty() ? "everything" : out;
}

std::string seconds_text(std::chrono::milliseconds time) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", static_cast<double>(time.count()) / 1000);
  return text;
}

std::size_t parked(const client::Projection& projection) {
  return static_cast<std::size_t>(std::ranges::count_if(projection.held, &client::HeldStream::parked));
}

std::string status_text(const client::Projection& projection) {
  if (!projection.stopped.empty()) return "stopped: " + projection.stopped;
  if (projection.paused) return "paused";
  return projection.members.empty() ? "nobody has joined" : "running";
}

int list(client::Projections& projections, bool json) {
  auto all = projections.list();
  if (!all) return report(all.error());
  if (json) {
    for (const auto& projection : *all) std::cout << to_json(projection) << '\n';
    return exit_ok;
  }
  std::size_t width = 4;
  for (const auto& projection : *all) width = std::max(width, projection.name.size());
  const auto column = static_cast<int>(width + 2);
  std::cout << std::left << std::setw(column) << "NAME" << std::setw(12) << "CURSOR" << std::setw(12) << "LAG"
            << std::setw(10) << "BEHIND" << std::setw(9) << "MEMBERS" << std::setw(8) << "PARKED"
            << "STATUS\n";
  for (const auto& projection : *all) {
    std::cout << std::left << std::setw(column) << projection.name << std::setw(12) << projection.cursor
              << std::setw(12) << projection.lag_events << std::setw(10) << seconds_text(projection.lag) << std::setw(9)
              << projection.members.size() << std::setw(8) << parked(projection) << status_text(projection) << '\n';
  }
  return exit_ok;
}

void print(const client::HeldStream& held) {
  std::cout << "    " << held.stream << "  event " << held.global_position << " (position " << held.position << "), "
            << base::counted(held.attempts, "attempt") << ", "
            << (held.parked ? "parked" : "tried again at " + time_text(held.retry_at_ms)) << "\n        "
            << time_text(held.last_failed_ms) << "  " << held.error << '\n';
}

constexpr std::string_view relay_prefix = "$relay.";

bool is_relay(std::string_view name) { return name.starts_with(relay_prefix); }

// A relay's name is readily taken for that of its projection.
int refused(client::Projections& projections, const ProjectionsFlags& flags, base::Error error) {
  if (error.code == base::Code::not_found && !is_relay(flags.name)) {
    const std::string name = std::string(relay_prefix) + flags.name;
    if (projections.get(name)) error.message += "; that of the relay " + flags.name + " is '" + name + "'";
  }
  return report(error);
}

// A relay fails no event: the one it tries is that at the cursor.
int show_failing_relay(const client::Projection& projection, const ServerFlags& server) {
  auto client = connect(server);
  if (!client) return report(client.error());
  const auto relays = (*client)->relays();
  if (!relays) return report(relays.error());
  const auto relay = std::ranges::find(*relays, projection.name, &client::Relay::projection);
  if (relay == relays->end() || relay->state != "retrying") return exit_ok;
  client::ReadAllOptions options;
  options.from = projection.cursor;
  if (!projection.filters.empty()) {
    options.categories = projection.filters.front().categories;
    options.streams = projection.filters.front().streams;
    options.types = projection.filters.front().types;
  }
  const auto read = (*client)->read_all(options, [&](const client::Event& event) {
    const std::string position = std::to_string(event.global_position);
    std::cout << "  failing since " << time_text(relay->since_ms) << ", " << base::counted(relay->failures, "attempt")
              << ", at event " << position << " of stream " << event.stream << "\n    " << relay->error
              << "\n    to try it now: thalo projections '" << projection.name
              << "' retry\n    to go past it without sending it: thalo projections '" << projection.name
              << "' skip --stream '" << event.stream << "' --event " << position << '\n';
    return false;
  });
  return read ? exit_ok : report(read.error());
}

int show(client::Projections& projections, const ProjectionsFlags& flags) {
  auto projection = projections.get(flags.name);
  if (!projection) return refused(projections, flags, projection.error());
  if (flags.json) {
    std::cout << to_json(*projection) << '\n';
    return exit_ok;
  }
  std::cout << projection->name << ": " << status_text(*projection) << "\n  events   "
            << filter_text(projection->filters) << "\n  cursor   " << projection->cursor << " of " << projection->head
            << ", " << projection->lag_events << " behind (" << seconds_text(projection->lag) << ")\n  failures "
            << (projection->policy.attempts_max == 0
                    ? std::string("tried for ever")
                    : "parked after " + base::counted(projection->policy.attempts_max, "attempt"))
            << ", pauses from " << projection->policy.backoff_first.count() << " to "
            << projection->policy.backoff_max.count() << " ms\n";
  if (!projection->unseen.empty()) std::cout << "  no event yet of " << joined(projection->unseen) << '\n';
  std::cout << "  since the server's start " << base::counted(projection->delivered, "event") << " delivered, "
            << projection->skipped << " left out by the filter, " << base::counted(projection->failures, "failure")
            << '\n';
  std::cout << "  members  " << projection->members.size() << '\n';
  for (const auto& member : projection->members)
    std::cout << "    " << member.member << "  " << member.unacknowledged << " unacknowledged\n";
  std::cout << "  waiting streams  " << projection->held.size() << '\n';
  for (const auto& held : projection->held) print(held);
  return is_relay(flags.name) ? show_failing_relay(*projection, flags.server) : exit_ok;
}

int usage(const std::string& text) {
  std::cerr << "error: " << text << '\n';
  return exit_usage;
}

int reset(client::Projections& projections, const ProjectionsFlags& flags) {
  std::optional<model::GlobalPosition> position;
  if (flags.to != "now") {
    model::GlobalPosition number = 0;
    const auto [end, error] = std::from_chars(flags.to.data(), flags.to.data() + flags.to.size(), number);
    if (flags.to.empty() || error != std::errc() || end != flags.to.data() + flags.to.size())
      return usage("reset needs --to with a global position or `now`, e.g. --to 0 to begin again");
    position = number;
  }
  if (auto done = projections.reset(flags.name, position); !done) return refused(projections, flags, done.error());
  std::cout << flags.name << " goes on from " << (position ? "global position " + flags.to : "the head") << '\n';
  return exit_ok;
}

int say(client::Projections& projections, const ProjectionsFlags& flags, const base::Result<>& done,
        const std::string& text) {
  if (!done) return refused(projections, flags, done.error());
  std::cout << text << '\n';
  return exit_ok;
}

int retry(client::Projections& projections, const ProjectionsFlags& flags) {
  auto tried = projections.retry(flags.name, flags.stream);
  if (!tried) return refused(projections, flags, tried.error());
  if (is_relay(flags.name)) return say(projections, flags, {}, "Trying now");
  std::cout << "Trying " << base::counted(*tried, "stream") << " again\n";
  return exit_ok;
}

int skip(client::Projections& projections, const ProjectionsFlags& flags) {
  if (flags.stream.empty() || !flags.event)
    return usage("skip needs --stream and --event, the waiting event's global position; `thalo projections '" +
                 flags.name + "'` shows them");
  return say(projections, flags, projections.skip(flags.name, flags.stream, *flags.event),
             "Skipped event " + std::to_string(*flags.event) + " of " + flags.stream);
}

// Where it is instead, which the deadline alone does not say.
int not_passed(client::Projections& projections, const ProjectionsFlags& flags, base::Error error) {
  if (error.code == base::Code::deadline_exceeded) {
    if (const auto projection = projections.get(flags.name)) {
      error.message = flags.name + " has not passed event " + std::to_string(*flags.event) + " yet: it is at " +
                      std::to_string(projection->cursor) + " of " + std::to_string(projection->head) + ", " +
                      status_text(*projection);
    }
  }
  return refused(projections, flags, std::move(error));
}

int wait(client::Projections& projections, const ProjectionsFlags& flags) {
  if (!flags.event) return usage("wait needs --event, the global position to wait for");
  auto passed = projections.wait_for(flags.name, *flags.event);
  if (!passed) return not_passed(projections, flags, passed.error());
  std::cout << flags.name << " has passed " << *flags.event << "; it is at " << passed->cursor
            << (passed->held ? ", with an event before that still waiting in a stream that failed" : "") << '\n';
  return exit_ok;
}

int act(client::Projections& projections, const ProjectionsFlags& flags) {
  if (flags.action == "reset") return reset(projections, flags);
  if (flags.action == "pause") return say(projections, flags, projections.pause(flags.name), flags.name + " is paused");
  if (flags.action == "resume") return say(projections, flags, projections.resume(flags.name), flags.name + " goes on");
  if (flags.action == "delete") return say(projections, flags, projections.remove(flags.name), "Deleted " + flags.name);
  if (flags.action == "retry") return retry(projections, flags);
  if (flags.action == "skip") return skip(projections, flags);
  if (flags.action == "wait") return wait(projections, flags);
  return show(projections, flags);
}

int run(const ProjectionsFlags& flags) {
  auto projections = client::Projections::connect(flags.server.url);
  if (!projections) return report(projections.error());
  (*projections)->set_timeout(std::chrono::milliseconds(flags.server.timeout_ms));
  return flags.name.empty() ? list(**projections, flags.json) : act(**projections, flags);
}

}  // namespace

void add_projections(CLI::App& app, Session& session) {
  auto flags = std::make_shared<ProjectionsFlags>();
  CLI::App* command =
      app.add_subcommand("projections", "List the projections with their lag, or show and operate one of them");
  command->footer(
      "Examples:\n  thalo projections\n  thalo projections counts\n  thalo projections counts reset --to 0\n  thalo "
      "projections counts skip --stream counter-ann --event 17");
  add_server_flags(*command, flags->server);
  command
      ->add_option("name", flags->name,
                   "Only this projection, with its members and the streams that wait; '$relay.NAME' is a relay's")
      ->check([](const std::string& name) {
        return name.empty() ? std::string("the projection's name is empty") : std::string();
      });
  command
      ->add_option("action", flags->action,
                   "What to do with it: reset (--to), pause, resume, delete, retry (all waiting streams, or --stream), "
                   "skip (one event: --stream, --event), wait (until --event is done)")
      ->check(CLI::IsMember({"show", "reset", "pause", "resume", "delete", "retry", "skip", "wait"}));
  command->add_option("--to", flags->to, "For reset: the global position to go on from, or `now`");
  command->add_option("--stream", flags->stream, "For retry and skip: the stream");
  command->add_option("--event", flags->event, "For skip and wait: the event's global position");
  command->add_flag("--json", flags->json, "Print one JSON object a line");
  command->callback([flags, &session] { session.exit_code = run(*flags); });
}

}  // namespace thalo::cli
