#include "store/rocksdb/log_check.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <iterator>
#include <map>
#include <ranges>
#include <string>
#include <system_error>

#include "base/log.h"
#include "env/files.h"
#include "store/rocksdb/log_pieces.h"

namespace thalo::store {
namespace {

using base::Code;

constexpr std::size_t sector_bytes = 512;
constexpr std::size_t page_bytes = 4096;

base::Result<std::string> read_log(const std::filesystem::path& path) { return env::read_file(path, SIZE_MAX); }

bool is_zero(std::string_view bytes) {
  return std::ranges::all_of(bytes, [](char byte) { return byte == 0; });
}

// A sector that was never written, in or behind the entry at `entry`, the last one being as long as the file goes; or
// the rest of the page in which it broke off.
bool has_unwritten_sector(std::string_view log, std::size_t entry, std::size_t broken) {
  const std::size_t page_end = std::min(log.size(), broken - broken % page_bytes + page_bytes);
  if (is_zero(log.substr(broken, page_end - broken))) return true;
  std::size_t at = (entry + sector_bytes - 1) / sector_bytes * sector_bytes;
  for (; at < log.size(); at += sector_bytes) {
    if (is_zero(log.substr(at, sector_bytes))) return true;
  }
  return false;
}

// How far the log was synced when what stands in `log` from `at` on was written: the number of an entry.
std::uint64_t synced_before_entries(std::string_view log, std::size_t at) {
  std::uint64_t greatest = 0;
  std::string entry;
  bool in_entry = false;
  while ((at = next_piece(at)) < log.size()) {
    const Piece piece = read_piece(log, at);
    if (piece.kind == PieceKind::bad || piece.kind == PieceKind::cut_short) {
      // Where the next piece begins is not known: it could be anywhere.
      in_entry = false;
      ++at;
      continue;
    }
    if (piece.begins_entry()) entry.clear();
    in_entry = piece.begins_entry() || in_entry;
    entry += piece.content;
    if (in_entry && piece.ends_entry()) {
      greatest = std::max(greatest, synced_before(entry));
      in_entry = false;
    }
    at = piece.end;
  }
  return greatest;
}

using Logs = std::map<std::uint64_t, std::filesystem::path>;

Logs find_logs(const std::filesystem::path& folder) {
  Logs logs;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().stem().string();
    std::uint64_t number = 0;
    if (entry.path().extension() != ".log") continue;
    if (std::from_chars(name.data(), name.data() + name.size(), number).ec == std::errc())
      logs.emplace(number, entry.path());
  }
  return logs;
}

// Durable when it returns.
base::Result<> shorten(const std::filesystem::path& path, std::uint64_t size) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  const bool done = file >= 0 && ::ftruncate(file, static_cast<off_t>(size)) == 0 && ::fsync(file) == 0;
  const int number = errno;
  if (file >= 0) ::close(file);
  if (done) return {};
  return base::fail(Code::unavailable, "cannot cut the unfinished end of " + path.string() + ": " +
                                           std::generic_category().message(number));
}

// Drops what stands behind the cut.
base::Result<> apply(const LogsCut& cut) {
  base::log::warn(
      "the log of the store ends in writes that were not finished; nobody was told of them and they are dropped",
      {{"file", cut.file.string()}, {"offset", cut.offset}});
  // From the end: if it is cut short itself, the hole still says that what stands behind it was not finished.
  for (const auto& later : std::views::reverse(cut.later)) {
    if (auto done = shorten(later, 0); !done) return done;
  }
  return shorten(cut.file, cut.offset);
}

// `broken` has an entry that is not complete. Whether that and everything behind it may be dropped: nothing that stands
// behind it was written when more was synced than is there.
base::Result<bool> is_droppable(const Logs& logs, Logs::const_iterator broken, const LogCheck& check) {
  if (check.end == LogEnd::damaged) return false;
  for (auto log = broken; log != logs.end(); ++log) {
    const auto content = read_log(log->second);
    if (!content) return std::unexpected(content.error());
    if (synced_before_entries(*content, log == broken ? check.behind : 0) > check.last_change) return false;
  }
  return true;
}

}  // namespace

LogCheck check_log(std::string_view log, std::uint64_t last_change) {
  LogCheck check{.last_change = last_change};
  std::string entry;
  bool in_entry = false;
  std::size_t at = 0;
  while ((at = next_piece(at)) < log.size()) {
    if (!in_entry) check.offset = at;
    check.behind = at + 1;
    const Piece piece = read_piece(log, at);
    if (piece.kind == PieceKind::cut_short) {
      check.end = LogEnd::cut_short;
      return check;
    }
    if (piece.kind == PieceKind::bad || piece.begins_entry() == in_entry) {
      check.end = has_unwritten_sector(log, check.offset, at) ? LogEnd::torn : LogEnd::damaged;
      // A piece that is whole but out of place may itself begin an entry.
      if (piece.kind != PieceKind::bad) check.behind = at;
      return check;
    }
    if (piece.begins_entry()) entry.clear();
    entry += piece.content;
    in_entry = !piece.ends_entry();
    if (!in_entry) {
      const EntryNumbers numbers = entry_numbers(entry);
      if (check.last_change != 0 && numbers.last != 0 && numbers.first != check.last_change + 1) {
        check.end = LogEnd::torn;
        check.behind = check.offset;  // the entry itself is to be dropped
        return check;
      }
      if (numbers.last != 0) check.last_change = numbers.last;
    }
    at = piece.end;
  }
  check.behind = log.size();
  if (in_entry) check.end = LogEnd::cut_short;
  if (!in_entry) check.offset = log.size();
  return check;
}

base::Result<std::optional<LogsCut>> find_cut(const std::filesystem::path& folder) {
  const Logs logs = find_logs(folder);
  std::uint64_t last_change = 0;
  for (auto log = logs.begin(); log != logs.end(); ++log) {
    const auto content = read_log(log->second);
    if (!content) return std::unexpected(content.error());
    LogsCut cut{.file = log->second, .size = content->size()};
    const LogCheck check = check_log(*content, last_change);
    last_change = check.last_change;
    if (check.end == LogEnd::whole) continue;
    const auto droppable = is_droppable(logs, log, check);
    if (!droppable) return std::unexpected(droppable.error());
    cut.offset = check.offset;
    cut.is_damage = !*droppable;
    for (auto later = std::next(log); later != logs.end(); ++later) cut.later.push_back(later->second);
    return cut;
  }
  return std::nullopt;
}

base::Error log_damage(const LogsCut& cut) {
  return {Code::data_loss,
          "the log " + cut.file.string() + " is damaged at byte " + std::to_string(cut.offset) + " of " +
              std::to_string(cut.size) +
              ", and acknowledged events may stand behind it; nothing was changed; restore the store from a backup"};
}

base::Result<> check_logs(const std::filesystem::path& folder) {
  const auto cut = find_cut(folder);
  if (!cut) return std::unexpected(cut.error());
  if (!*cut) return {};
  if ((*cut)->is_damage) return std::unexpected(log_damage(**cut));
  return apply(**cut);
}

}  // namespace thalo::store
