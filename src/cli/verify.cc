// thalo verify: checks a closed store in full, or what a running server shows of its store.
#include "store/verify.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <optional>

#include "base/json.h"
#include "cli/connection.h"
#include "cli/progress.h"
#include "cli/subcommands.h"
#include "cli/terminal.h"
#include "store/stream_hash.h"
#include "store/stream_versions.h"

namespace thalo::cli {
namespace {

struct VerifyFlags {
  ServerFlags server;
  std::uint64_t limit = 100;
  bool json = false;
};

std::string to_json(const store::Violation& violation) {
  std::string out = "{\"invariant\":\"I" + std::to_string(violation.invariant) + "\"";
  out += ",\"what\":" + base::json_quote(violation.what);
  if (violation.global_position) out += ",\"global_position\":" + std::to_string(*violation.global_position);
  if (!violation.stream.empty()) out += ",\"stream\":" + base::json_quote(violation.stream);
  if (!violation.file.empty()) out += ",\"file\":" + base::json_quote(violation.file);
  return out + "}";
}

std::string to_text(const store::Violation& violation, bool colour) {
  std::string out = coloured("I" + std::to_string(violation.invariant), "1;31", colour) + "  ";
  if (violation.global_position) out += "global position " + std::to_string(*violation.global_position) + "  ";
  if (!violation.stream.empty()) out += violation.stream + "  ";
  if (!violation.file.empty()) out += violation.file + "  ";
  return out + violation.what;
}

// Prints violations as they are found, at most `limit` of each invariant, and shows how far the check is.
class Printer final : public store::VerifyObserver {
 public:
  explicit Printer(const VerifyFlags& flags) : limit_(flags.limit), json_(flags.json) {}

  void on_violation(const store::Violation& violation) override {
    std::uint64_t& count = counts_[violation.invariant];
    if (++count > limit_ && limit_ != 0) return;
    progress_.reset();
    std::cout << (json_ ? to_json(violation) : to_text(violation, colour_)) << '\n';
  }
  void on_progress(std::string_view what, std::uint64_t done, std::uint64_t total) override {
    if (!progress_ || what != what_) {
      progress_.reset();
      what_ = what;
      done_ = 0;
      progress_.emplace(what_, total);
    }
    if (done > done_) progress_->advance(done - done_);
    done_ = done;
  }

  int finish(const store::VerifySummary& summary, bool is_closed) {
    progress_.reset();
    const bool is_sound = summary.violations == 0;
    if (json_) {
      print_json(summary, is_closed);
    } else {
      print_text(summary, is_closed);
    }
    return is_sound ? exit_ok : exit_failed;
  }

 private:
  void print_json(const store::VerifySummary& summary, bool is_closed) const {
    std::cout << "{\"sound\":" << (summary.violations == 0 ? "true" : "false")
              << ",\"violations\":" << summary.violations << ",\"events\":" << summary.events
              << ",\"streams\":" << summary.streams;
    if (is_closed) {
      std::cout << ",\"chunks\":" << summary.chunks << ",\"cursors\":" << summary.cursors
                << ",\"snapshots\":" << summary.snapshots << ",\"files\":" << summary.files
                << ",\"unfinished_write\":" << (summary.has_unfinished_write ? "true" : "false");
    }
    std::cout << "}\n";
  }
  void print_text(const store::VerifySummary& summary, bool is_closed) const {
    for (const auto& [invariant, count] : counts_) {
      if (limit_ != 0 && count > limit_)
        std::cout << "I" << invariant << "  and " << count - limit_ << " more (--limit 0 shows all)\n";
    }
    if (summary.has_unfinished_write)
      std::cout << "The log ends in an unfinished write that nobody was told of; the next start drops it.\n";
    std::cout << (summary.violations == 0 ? std::string("Sound: ")
                                          : "Damaged: " + std::to_string(summary.violations) + " violations in ")
              << summary.events << " events of " << summary.streams << " streams";
    if (is_closed) {
      std::cout << ", " << summary.chunks << " chunks of the index, " << summary.cursors << " cursors, "
                << summary.snapshots << " snapshots, " << summary.files << " files";
    }
    std::cout << ".\n";
  }

  const std::uint64_t limit_;
  const bool json_;
  const bool colour_ = colour_wanted();
  std::map<int, std::uint64_t> counts_;
  std::string what_;
  std::uint64_t done_ = 0;
  std::optional<Progress> progress_;
};

// What a server shows: that events are gapless in the store and in their streams, and can be read.
class ServerCheck {
 public:
  ServerCheck(client::Client& client, Printer& printer) : client_(client), printer_(printer) {}

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
  Printer& printer_;
  store::VerifySummary summary_;
  store::StreamVersions versions_;
  model::GlobalPosition next_ = 0;
  std::uint64_t lost_ = 0;
};

int verify(const VerifyFlags& flags) {
  Printer printer(flags);
  const bool is_closed = !flags.server.store.empty();
  if (is_closed) {
    const auto summary = store::verify_store(flags.server.store, printer);
    return summary ? printer.finish(*summary, is_closed) : report(summary.error());
  }
  auto client = connect(flags.server);
  if (!client) return report(client.error());
  const auto summary = ServerCheck(**client, printer).run();
  return summary ? printer.finish(*summary, is_closed) : report(summary.error());
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
  add_store_flag(*command, flags->server);
  command->add_option("--limit", flags->limit, "The most violations of each invariant to show; 0: all")
      ->capture_default_str();
  command->add_flag("--json", flags->json, "Print one JSON object a violation, and one with the result");
  command->callback([flags, &session] { session.exit_code = verify(*flags); });
}

}  // namespace thalo::cli
