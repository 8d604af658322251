#include "cli/importer.h"

#include <utility>

namespace thalo::cli {
namespace {

using base::Code;
using base::fail;

constexpr std::size_t group_events_max = 500;
constexpr std::size_t group_bytes_max = 1 << 20;
constexpr std::size_t waiting_lines_max = 2000;
constexpr std::size_t waiting_bytes_max = 4 << 20;

}  // namespace

bool Importer::Group::takes(const ImportLine& line) const {
  return events.empty() ||
         (line.stream == stream && line.position == first + events.size() && line.time_ms == time_ms &&
          events.size() < group_events_max && size_bytes + line.event.data.size() < group_bytes_max);
}

void Importer::Group::add(ImportLine line) {
  if (events.empty()) {
    stream = std::move(line.stream);
    first = line.position;
    time_ms = line.time_ms;
    first_line = line.number;
  }
  size_bytes += line.event.data.size() + line.event.metadata.size();
  events.push_back(std::move(line.event));
}

Importer::Importer(client::Client& client, std::atomic<bool>& failed)
    : client_(client), failed_(failed), thread_([this] { run(); }) {}

Importer::~Importer() { finish(); }

void Importer::add(ImportLine line) {
  std::unique_lock lock(mutex_);
  changed_.wait(
      lock, [this] { return failed_ || (waiting_.size() < waiting_lines_max && waiting_bytes_ < waiting_bytes_max); });
  waiting_bytes_ += line.event.data.size() + line.event.metadata.size();
  waiting_.push_back(std::move(line));
  changed_.notify_all();
}

void Importer::finish() {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

bool Importer::take_waiting(std::vector<ImportLine>& lines) {
  lines.clear();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return closed_ || !waiting_.empty(); });
  waiting_.swap(lines);
  waiting_bytes_ = 0;
  changed_.notify_all();
  return !lines.empty();
}

void Importer::run() {
  std::vector<ImportLine> lines;
  const auto store = [this] {
    if (failed_) return;
    if (auto stored = store_group(); !stored) {
      error_ = stored.error();
      failed_ = true;
    }
    group_ = Group();
  };
  while (take_waiting(lines)) {
    for (ImportLine& line : lines) {
      if (!group_.takes(line)) store();
      group_.add(std::move(line));
    }
  }
  if (!group_.events.empty()) store();
}

base::Result<> Importer::store_group() {
  auto appended = append(0);
  if (appended) {
    imported_ += group_.events.size();
    return {};
  }
  if (appended.error().code != Code::aborted) return at_line(appended.error());
  // The stream is elsewhere: what it has of these must be the same, the rest is appended.
  auto there = compare();
  if (!there) return std::unexpected(there.error());
  skipped_ += *there;
  if (*there == group_.events.size()) return {};
  if (*there == 0)
    return at_line({Code::failed_precondition, appended.error().message + "; import the events before it first"});
  if (auto rest = append(*there); !rest) return at_line(rest.error());
  imported_ += group_.events.size() - *there;
  return {};
}

base::Result<client::Appended> Importer::append(std::size_t from) {
  const std::vector<model::NewEvent> events(group_.events.begin() + static_cast<std::ptrdiff_t>(from),
                                            group_.events.end());
  return client_.append(group_.stream, events, {group_.first + from, group_.time_ms});
}

base::Result<std::size_t> Importer::compare() {
  std::size_t same = 0;
  std::string difference;
  auto read =
      client_.read_stream(group_.stream, {group_.first, false, group_.events.size()}, [&](const client::Event& event) {
        const model::NewEvent& own = group_.events[same];
        if (event.position != group_.first + same || event.type != own.type || event.data != own.data ||
            event.metadata != own.metadata) {
          difference = "line " + std::to_string(group_.first_line + same) + ": stream " + group_.stream +
                       " has another event at position " + std::to_string(event.position) + " (" + event.type +
                       "); this is not the store that was exported from";
          return false;
        }
        ++same;
        return true;
      });
  if (!read) return at_line(read.error());
  if (!difference.empty()) return fail(Code::failed_precondition, difference);
  return same;
}

std::unexpected<base::Error> Importer::at_line(base::Error error) const {
  error.message = "line " + std::to_string(group_.first_line) + ": " + error.message;
  return std::unexpected(std::move(error));
}

}  // namespace thalo::cli
