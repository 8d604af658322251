#include "cli/execute_lines.h"

#include <unistd.h>

#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <set>

#include "base/counted.h"
#include "base/json.h"
#include "cli/command_lines.h"
#include "cli/event_text.h"
#include "cli/interrupt.h"
#include "cli/line_reader.h"
#include "cli/progress.h"
#include "cli/terminal.h"

namespace thalo::cli {
namespace {

struct Counts {
  std::uint64_t accepted = 0;
  std::uint64_t rejected = 0;
  std::uint64_t failed = 0;
};

std::string failure_json(const base::Error& error) {
  return "\"outcome\":\"failed\",\"code\":\"" + std::string(base::code_name(error.code)) +
         "\",\"retryable\":" + (error.retryable() ? "true" : "false") +
         ",\"message\":" + base::json_quote(error.message);
}

// What has come of each line. Any thread.
class Answers {
 public:
  explicit Answers(bool quiet) : quiet_(quiet) {
    // Beside answers on the same terminal it would only be in the way.
    if (quiet || ::isatty(STDOUT_FILENO) == 0) progress_.emplace("commands", 0);
  }

  void note_sent(std::uint64_t line) {
    std::lock_guard lock(mutex_);
    open_.insert(line);
  }
  void note(std::uint64_t line, const base::Result<client::Outcome>& outcome) {
    std::lock_guard lock(mutex_);
    open_.erase(line);
    if (!outcome) {
      ++counts_.failed;
      print(line, failure_json(outcome.error()));
    } else if (std::holds_alternative<model::Rejection>(*outcome)) {
      ++counts_.rejected;
      print(line, outcome_json(*outcome));
    } else {
      ++counts_.accepted;
      if (!quiet_) print(line, outcome_json(*outcome));
    }
    if (progress_) progress_->advance(1);
  }

  // After the last answer.
  Counts finish() {
    progress_.reset();
    std::cout.flush();
    return counts_;
  }
  // The first line that was sent and has no answer.
  std::optional<std::uint64_t> first_open() const {
    return open_.empty() ? std::nullopt : std::optional(*open_.begin());
  }

 private:
  void print(std::uint64_t line, const std::string& members) {
    std::cout << "{\"line\":" << line << "," << members << "}\n";
    // Somebody who types, or a program that talks with this one, waits for it.
    if (open_.empty()) std::cout.flush();
  }

  const bool quiet_;
  mutable std::mutex mutex_;
  std::optional<Progress> progress_;
  std::set<std::uint64_t> open_;
  Counts counts_;
};

class Lines final : public client::CommandSource {
 public:
  Lines(LineReader reader, const ExecuteLinesFlags& flags, Answers& answers)
      : reader_(std::move(reader)), flags_(flags), answers_(answers) {}

  std::optional<client::TaggedCommand> next() override {
    while (true) {
      auto text = reader_.next();
      if (!text) {
        error_ = text.error();
        return std::nullopt;
      }
      if (!*text) return std::nullopt;
      ++line_;
      if (line_ < flags_.from_line || (*text)->find_first_not_of(" \t") == std::string::npos) continue;
      auto command = parse_command_line(**text);
      if (!command) {
        answers_.note(line_, std::unexpected(command.error()));
        continue;
      }
      if (command->command_id.empty() && !flags_.command_ids.empty())
        command->command_id = flags_.command_ids + "-" + std::to_string(line_);
      answers_.note_sent(line_);
      return client::TaggedCommand{line_, *std::move(command)};
    }
  }
  bool ready() override { return reader_.ready(); }
  void stop() override { reader_.stop(); }

  // What kept the input from being read to its end. Only when nobody asks for commands any more.
  const std::optional<base::Error>& error() const { return error_; }
  std::uint64_t line() const { return line_; }

 private:
  LineReader reader_;
  const ExecuteLinesFlags& flags_;
  Answers& answers_;
  std::uint64_t line_ = 0;
  std::optional<base::Error> error_;
};

void print_summary(const Counts& counts) {
  std::cerr << base::counted(counts.accepted + counts.rejected + counts.failed, "command") << ": " << counts.accepted
            << " accepted, " << counts.rejected << " rejected, " << counts.failed << " failed\n";
}

}  // namespace

int execute_lines(client::Client& client, const ExecuteLinesFlags& flags) {
  catch_interrupts();
  auto reader = LineReader::open(flags.file);
  if (!reader) return report(reader.error());
  Answers answers(flags.quiet);
  Lines lines(*std::move(reader), flags, answers);
  const auto done = client.execute_all(
      lines, flags.under_way_max,
      [&](std::uint64_t line, base::Result<client::Outcome> outcome) { answers.note(line, outcome); });
  const Counts counts = answers.finish();
  print_summary(counts);
  if (!done) {
    base::Error error = done.error();
    if (const auto open = answers.first_open()) {
      error.message += "; from line " + std::to_string(*open) +
                       " on there are commands without an answer, which may or may not have been executed: go on with "
                       "--from-line " +
                       std::to_string(*open) + " (a command with a command_id is not executed twice)";
    }
    return report(error);
  }
  if (!std::cout) return report({base::Code::unavailable, "cannot write standard output", true});
  if (lines.error()) return report(*lines.error());
  if (interrupted()) {
    std::cerr << "interrupted; what was sent is answered; go on with --from-line " << lines.line() + 1 << '\n';
    return exit_failed;
  }
  if (counts.failed > 0) return exit_failed;
  return counts.rejected > 0 ? exit_rejected : exit_ok;
}

}  // namespace thalo::cli
