// thalo export: the store, or a part of it, as JSON Lines.
#include <CLI/CLI.hpp>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <system_error>

#include "base/counted.h"
#include "base/json.h"
#include "cli/connection.h"
#include "cli/event_text.h"
#include "cli/progress.h"
#include "cli/same_store.h"
#include "cli/subcommands.h"
#include "cli/terminal.h"

namespace thalo::cli {
namespace {

using base::Code;

struct ExportFlags {
  ServerFlags server;
  std::string output;
  client::ReadAllOptions options;
  bool resume = false;
};

std::optional<model::GlobalPosition> global_position_of(std::string_view line) {
  const auto members = base::json_members(line);
  if (!members) return std::nullopt;
  for (const auto& [key, value] : *members) {
    model::GlobalPosition position = 0;
    if (key == "global_position" &&
        std::from_chars(value.data(), value.data() + value.size(), position).ec == std::errc())
      return position;
  }
  return std::nullopt;
}

// What an interrupted export has written.
struct Written {
  model::GlobalPosition next = 0;
  std::string last_line;              // the last complete one
  std::uintmax_t complete_bytes = 0;  // up to its end
};

base::Result<Written> read_written(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return base::fail(Code::not_found, "cannot read " + path + " to go on with it; leave --resume out to start anew");
  Written written;
  std::string line;
  for (std::uint64_t number = 1; std::getline(file, line) && !file.eof(); ++number) {
    const auto position = global_position_of(line);
    if (!position)
      return base::fail(Code::invalid_argument,
                        path + ", line " + std::to_string(number) +
                            ": not an exported event; --resume goes on only with a file of export");
    written.next = *position + 1;
    written.complete_bytes += line.size() + 1;
    written.last_line.swap(line);
  }
  return written;
}

// Where it goes on: behind the last complete line, which is where the file is cut.
base::Result<model::GlobalPosition> resume_at(const std::string& path, client::Client& client) {
  const auto written = read_written(path);
  if (!written) return std::unexpected(written.error());
  if (written->next > 0) {
    if (auto same = check_same_store(client, written->next - 1, written->last_line); !same) {
      same.error().message = path + " is left as it is: " + same.error().message;
      return std::unexpected(std::move(same.error()));
    }
  }
  std::error_code error;
  std::filesystem::resize_file(path, written->complete_bytes, error);
  if (error) return base::fail_for_good(Code::unavailable, "cannot cut " + path + ": " + error.message());
  return written->next;
}

int run_export(ExportFlags flags) {
  auto client = connect(flags.server);
  if (!client) return report(client.error());
  if (flags.resume) {
    auto next = resume_at(flags.output, **client);
    if (!next) return report(next.error());
    flags.options.from = std::max(flags.options.from, *next);
  }
  auto head = (*client)->head();
  if (!head) return report(head.error());
  std::ofstream file;
  if (!flags.output.empty()) {
    if (!flags.resume && std::filesystem::exists(flags.output)) {
      return report({Code::already_exists, flags.output + " exists; remove it, or go on with it by --resume"});
    }
    file.open(flags.output, flags.resume ? std::ios::binary | std::ios::app : std::ios::binary);
    if (!file)
      return report(
          {Code::unavailable, "cannot write " + flags.output + ": " + std::generic_category().message(errno), true});
  }
  std::ostream& out = flags.output.empty() ? std::cout : file;
  const bool filtered =
      !flags.options.categories.empty() || !flags.options.streams.empty() || !flags.options.types.empty();
  Progress progress("events", filtered || *head < flags.options.from ? 0 : *head - flags.options.from);
  std::uint64_t written = 0;
  auto read = (*client)->read_all(flags.options, [&](const client::Event& event) {
    out << to_json(event) << '\n';
    ++written;
    progress.advance(1);
    return out.good();
  });
  out.flush();
  if (!out)
    return report(
        {Code::unavailable,
         "cannot write " + (flags.output.empty() ? "standard output" : flags.output) + "; the disk may be full", true});
  if (!read) return report(read.error());
  if (!flags.output.empty())
    std::cerr << "Exported " << base::counted(written, "event") << " to " << flags.output << '\n';
  return exit_ok;
}

}  // namespace

void add_export(CLI::App& app, Session& session) {
  auto flags = std::make_shared<ExportFlags>();
  CLI::App* command = app.add_subcommand("export", "Write events as JSON Lines, in global order");
  command->footer("Example: thalo export -o events.jsonl --category counter");
  add_server_flags(*command, flags->server);
  add_store_flag(*command, flags->server);
  auto* output = command->add_option("-o,--output", flags->output, "The file [default: standard output]");
  command->add_option("--from", flags->options.from, "Global position to start from")->capture_default_str();
  command->add_option("--category", flags->options.categories, "Only this category; may be repeated");
  command->add_option("--stream", flags->options.streams, "Only this stream; may be repeated");
  command->add_option("--type", flags->options.types, "Only events of this type; may be repeated");
  command->add_flag("--resume", flags->resume, "Go on behind the last complete line of the file")->needs(output);
  command->callback([flags, &session] { session.exit_code = run_export(*flags); });
}

}  // namespace thalo::cli
