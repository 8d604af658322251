// thalo import: events of an export into a store, once each.
//
// Every event is appended with its own position as the expected version, so an import can be interrupted and run again:
// what is there already is compared and skipped, and an event is never there twice.
#include <CLI/CLI.hpp>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "cli/connection.h"
#include "cli/progress.h"
#include "cli/subcommands.h"
#include "cli/terminal.h"

namespace thalo::cli {
namespace {

using base::Code;
using base::fail;

constexpr std::size_t group_events_max = 500;
constexpr std::size_t group_bytes_max = 1 << 20;

struct ImportFlags {
  ServerFlags server;
  std::string file;
};

struct Line {
  std::string stream;
  model::Position position = 0;
  std::int64_t time_ms = 0;
  model::NewEvent event;
};

std::string text_of(std::string_view json) {
  const auto parsed = nlohmann::json::parse(json, nullptr, false);
  return parsed.is_string() ? parsed.get<std::string>() : std::string();
}

template <class Number>
bool read_number(std::string_view json, Number& out) {
  const auto result = std::from_chars(json.data(), json.data() + json.size(), out);
  return result.ec == std::errc() && result.ptr == json.data() + json.size();
}

base::Result<Line> parse_line(std::string_view text) {
  auto members = base::json_members(text);
  if (!members) return std::unexpected(members.error());
  Line line;
  bool numbered = false;
  for (const auto& [key, value] : *members) {
    if (key == "stream") line.stream = text_of(value);
    if (key == "type") line.event.type = text_of(value);
    if (key == "data") line.event.data = value;
    if (key == "metadata" && value != "{}") line.event.metadata = value;
    if (key == "position") numbered = read_number(value, line.position);
    if (key == "time" && !read_number(value, line.time_ms))
      return fail(Code::invalid_argument, "`time` is no whole number of milliseconds");
  }
  if (line.stream.empty()) return fail(Code::invalid_argument, "`stream` is missing");
  if (line.event.type.empty()) return fail(Code::invalid_argument, "`type` is missing");
  if (line.event.data.empty()) return fail(Code::invalid_argument, "`data` is missing");
  if (!numbered) return fail(Code::invalid_argument, "`position` is missing or no whole number");
  return line;
}

// Consecutive events of one stream that become one append.
struct Group {
  std::string stream;
  model::Position first = 0;
  std::int64_t time_ms = 0;
  std::uint64_t first_line = 0;
  std::size_t size_bytes = 0;
  std::vector<model::NewEvent> events;

  bool takes(const Line& line) const {
    return events.empty() ||
           (line.stream == stream && line.position == first + events.size() && line.time_ms == time_ms &&
            events.size() < group_events_max && size_bytes + line.event.data.size() < group_bytes_max);
  }
  void add(Line line, std::uint64_t number) {
    if (events.empty()) {
      stream = line.stream;
      first = line.position;
      time_ms = line.time_ms;
      first_line = number;
    }
    size_bytes += line.event.data.size() + line.event.metadata.size();
    events.push_back(std::move(line.event));
  }
};

class Importer {
 public:
  explicit Importer(client::Client& client) : client_(client) {}

  base::Result<> store(const Group& group) {
    auto appended = append(group, 0);
    if (appended) {
      imported_ += group.events.size();
      return {};
    }
    if (appended.error().code != Code::aborted) return at_line(group, appended.error());
    // The stream is elsewhere: what it has of these must be the same, the rest is appended.
    auto there = compare(group);
    if (!there) return std::unexpected(there.error());
    skipped_ += *there;
    if (*there == group.events.size()) return {};
    if (*there == 0)
      return at_line(group,
                     {Code::failed_precondition, appended.error().message + "; import the events before it first"});
    if (auto rest = append(group, *there); !rest) return at_line(group, rest.error());
    imported_ += group.events.size() - *there;
    return {};
  }

  std::uint64_t imported() const { return imported_; }
  std::uint64_t skipped() const { return skipped_; }

 private:
  base::Result<client::Appended> append(const Group& group, std::size_t from) {
    const std::vector<model::NewEvent> events(group.events.begin() + static_cast<std::ptrdiff_t>(from),
                                              group.events.end());
    return client_.append(group.stream, events, {group.first + from, group.time_ms});
  }

  base::Result<std::size_t> compare(const Group& group) {
    std::size_t same = 0;
    std::string difference;
    auto read =
        client_.read_stream(group.stream, {group.first, false, group.events.size()}, [&](const client::Event& event) {
          const model::NewEvent& own = group.events[same];
          if (event.position != group.first + same || event.type != own.type || event.data != own.data ||
              event.metadata != own.metadata) {
            difference = "line " + std::to_string(group.first_line + same) + ": stream " + group.stream +
                         " has another event at position " + std::to_string(event.position) + " (" + event.type +
                         "); this is not the store that was exported from";
            return false;
          }
          ++same;
          return true;
        });
    if (!read) return std::unexpected(read.error());
    if (!difference.empty()) return fail(Code::failed_precondition, difference);
    return same;
  }

  static std::unexpected<base::Error> at_line(const Group& group, const base::Error& error) {
    return fail(error.code, "line " + std::to_string(group.first_line) + ": " + error.message);
  }

  client::Client& client_;
  std::uint64_t imported_ = 0;
  std::uint64_t skipped_ = 0;
};

base::Result<> import_lines(std::istream& input, Importer& importer, Progress& progress) {
  Group group;
  std::string text;
  for (std::uint64_t number = 1; std::getline(input, text); ++number) {
    progress.advance(text.size() + 1);
    if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
    auto line = parse_line(text);
    if (!line) return fail(line.error().code, "line " + std::to_string(number) + ": " + line.error().message);
    if (!group.takes(*line)) {
      if (auto stored = importer.store(group); !stored) return stored;
      group = Group();
    }
    group.add(*std::move(line), number);
  }
  return group.events.empty() ? base::Result<>() : importer.store(group);
}

int run_import(const ImportFlags& flags) {
  auto client = connect(flags.server);
  if (!client) return report(client.error());
  std::ifstream file;
  std::uint64_t size_bytes = 0;
  if (flags.file != "-") {
    file.open(flags.file, std::ios::binary);
    std::error_code error;
    size_bytes = std::filesystem::file_size(flags.file, error);
    if (!file || error) return report({Code::not_found, "cannot read " + flags.file});
  }
  Importer importer(**client);
  base::Result<> done;
  {
    Progress progress("bytes", size_bytes);
    done = import_lines(flags.file == "-" ? std::cin : file, importer, progress);
  }
  std::cerr << "Imported " << importer.imported() << " events; " << importer.skipped() << " were there already\n";
  if (!done) return report(done.error());
  return exit_ok;
}

}  // namespace

void add_import(CLI::App& app, Session& session) {
  auto flags = std::make_shared<ImportFlags>();
  CLI::App* command = app.add_subcommand("import", "Store the events of an export, each once; may be run again");
  command->footer(
      "Example: thalo import events.jsonl\nStream, type, data, metadata, time and position are kept; ids and global "
      "positions are those of the new store.");
  add_server_flags(*command, flags->server);
  command->add_option("file", flags->file, "JSON Lines as `thalo export` writes them; - for standard input")
      ->required();
  command->callback([flags, &session] { session.exit_code = run_import(*flags); });
}

}  // namespace thalo::cli
