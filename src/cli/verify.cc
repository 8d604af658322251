// thalo verify: checks a closed store in full, or what a running server shows of its store.
#include "store/verify.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <string>

#include "cli/connection.h"
#include "cli/subcommands.h"
#include "cli/terminal.h"
#include "cli/verify_printer.h"
#include "store/backup.h"
#include "store/stream_hash.h"
#include "store/stream_versions.h"

namespace thalo::cli {
namespace {

struct VerifyFlags {
  ServerFlags server;
  std::string backup;
  std::uint32_t number = store::newest_backup;
  std::uint64_t limit = 100;
  bool json = false;
};

// What a server shows: that events are gapless in the store and in their streams, and can be read.
class ServerCheck {
 public:
  ServerCheck(client::Client& client, VerifyPrinter& printer) : client_(client), printer_(printer) {}

  base::Result<store::VerifySummary> run() {
    const auto head = client_.head();
    if (!head) return std::unexpected(head.error());
    while (next_ < *head) {
      const auto read = client_.read_all({.from = next_}, [&](const client::Event& event) {
        see(event);
        if (summary_.events % 4096 == 0) printer_.on_progress("events", next_, *head);
        return next_ < *head;
      });
      if (read) break;
      if (read.error().code != base::Code::data_loss) return std::unexpected(read.error());
      skip_unreadable(read.error().message, *head);
    }
    if (next_ < *head) miss(*head);
    summary_.streams = versions_.size();
    return summary_;
  }

 private:
  void add(store::Violation violation) {
    ++summary_.violations;
    printer_.on_violation(violation);
  }
  void miss(model::GlobalPosition end) {
    add({.invariant = 3,
         .what = "the events from here to " + std::to_string(end - 1) + " are missing",
         .global_position = next_});
    lost_ += end - next_;
    next_ = end;
  }
  void see(const client::Event& event) {
    if (event.global_position > next_) miss(event.global_position);
    if (event.global_position < next_)
      add({.invariant = 3, .what = "it is there more than once", .global_position = event.global_position});
    std::uint64_t& version = versions_[store::stream_hash(event.stream)];
    if (event.position != version) {
      // An event that could not be read may have stood between.
      const bool is_explained = event.position > version && event.position - version <= lost_;
      if (is_explained) lost_ -= event.position - version;
      if (!is_explained) {
        add({.invariant = 4,
             .what = "it has position " + std::to_string(event.position) + " in its stream, and " +
                     std::to_string(version) + " comes next",
             .global_position = event.global_position,
             .stream = event.stream});
      }
    }
    version = std::max(version, event.position + 1);
    next_ = std::max(next_, event.global_position + 1);
    ++summary_.events;
  }

  bool is_readable(model::GlobalPosition position) {
    return client_.read_all({.from = position, .limit = 1}, [](const client::Event&) { return false; }).has_value();
  }
  void skip_unreadable(const std::string& reason, model::GlobalPosition head) {
    model::GlobalPosition bad = next_;
    model::GlobalPosition good = head;
    for (std::uint64_t step = 1; bad + step < head; step *= 2) {
      if (is_readable(bad + step)) {
        good = bad + step;
        break;
      }
      bad += step;
    }
    while (good - bad > 1) {
      const model::GlobalPosition middle = bad + (good - bad) / 2;
      (is_readable(middle) ? good : bad) = middle;
    }
    add({.invariant = 12,
         .what = (good == next_ + 1 ? "the event" : "the events from here to " + std::to_string(good - 1)) +
                 " cannot be read: " + reason,
         .global_position = next_});
    lost_ += good - next_;
    next_ = good;
  }

  client::Client& client_;
  VerifyPrinter& printer_;
  store::VerifySummary summary_;
  store::StreamVersions versions_;
  model::GlobalPosition next_ = 0;
  std::uint64_t lost_ = 0;
};

int verify(const VerifyFlags& flags) {
  VerifyPrinter printer(flags.limit, flags.json);
  if (!flags.server.store.empty() || !flags.backup.empty()) {
    const auto summary = flags.backup.empty() ? store::verify_store(flags.server.store, printer)
                                              : store::verify_backup(flags.backup, flags.number, printer);
    return summary ? printer.finish(*summary, true) : report(summary.error());
  }
  auto client = connect(flags.server);
  if (!client) return report(client.error());
  const auto summary = ServerCheck(**client, printer).run();
  return summary ? printer.finish(*summary, false) : report(summary.error());
}

}  // namespace

void add_verify(CLI::App& app, Session& session) {
  auto flags = std::make_shared<VerifyFlags>();
  CLI::App* command = app.add_subcommand("verify", "Check a store, and say what is wrong and where");
  command->footer(
      "Example: thalo verify --store message-store.db\n"
      "A closed store is checked against every invariant of docs/format.md, I1 to I12; nothing is changed in it. Of a "
      "server it is checked that every event can be read, and that events are gapless in the store and in their "
      "streams. Exit code 1: damaged.");
  add_server_flags(*command, flags->server);
  auto* store = add_store_flag(*command, flags->server);
  auto* backup =
      command->add_option("--backup", flags->backup, "Check a backup in this folder, and its files")->excludes(store);
  instead_of_server(*command, backup);
  command->add_option("--number", flags->number, "Which backup [default: the newest]")
      ->needs(backup)
      ->check(CLI::Range(std::uint32_t{1}, UINT32_MAX));
  command->add_option("--limit", flags->limit, "The most violations of each invariant to show; 0: all")
      ->capture_default_str();
  command->add_flag("--json", flags->json, "Print one JSON object a violation, and one with the result");
  command->callback([flags, &session] { session.exit_code = verify(*flags); });
}

}  // namespace thalo::cli
