#include "store/rocksdb/torn_log.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <map>
#include <string>
#include <system_error>

#include "env/files.h"

namespace thalo::store {
namespace {

// RocksDB's log: blocks of 32 KiB; an entry is one piece, or a first, middle ones and a last; each piece stands in one
// block behind a header of checksum (4), length (2) and type (1). What is left of a block when no header fits is zero.
constexpr std::size_t block_bytes = 32 * 1024;
constexpr std::size_t header_bytes = 7;
constexpr std::size_t sector_bytes = 512;
constexpr std::size_t page_bytes = 4096;
constexpr std::size_t log_bytes_max = std::size_t{8} << 30;

enum class Kind : std::uint8_t { full, first, middle, last, cut_short, bad };

struct Piece {
  Kind kind = Kind::bad;
  std::size_t end = 0;  // where the next begins; for a bad one its end if it can be trusted, else that of its block
};

std::uint32_t crc32c(std::string_view bytes) {
  static constexpr auto table = [] {
    std::array<std::uint32_t, 256> made{};
    for (std::uint32_t index = 0; index < made.size(); ++index) {
      std::uint32_t value = index;
      for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0x82f63b78U : 0);
      made[index] = value;
    }
    return made;
  }();
  std::uint32_t crc = 0xffffffffU;
  for (const char byte : bytes) crc = table[(crc ^ static_cast<std::uint8_t>(byte)) & 0xff] ^ (crc >> 8);
  return crc ^ 0xffffffffU;
}

std::uint32_t masked(std::uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8U; }

bool is_zero(std::string_view bytes) {
  return std::ranges::all_of(bytes, [](char byte) { return byte == 0; });
}

// The piece at `at`, where a header fits in the block.
Piece piece_at(std::string_view log, std::size_t at) {
  const std::size_t block_end = at - at % block_bytes + block_bytes;
  if (at + header_bytes > log.size()) return {Kind::cut_short, log.size()};
  const auto byte = [&](std::size_t index) { return static_cast<std::uint8_t>(log[at + index]); };
  const std::size_t end = at + header_bytes + byte(4) + (std::size_t{byte(5)} << 8);
  if (is_zero(log.substr(at, header_bytes)) || end > block_end) return {Kind::bad, block_end};
  if (end > log.size()) return {Kind::cut_short, log.size()};
  std::uint32_t stored = 0;
  std::memcpy(&stored, log.data() + at, sizeof stored);
  const std::uint8_t type = byte(6);
  const std::string_view checked = log.substr(at + header_bytes - 1, end - at - header_bytes + 1);
  if (stored != masked(crc32c(checked)) || type < 1 || type > 4) return {Kind::bad, end};
  return {static_cast<Kind>(type - 1), end};
}

std::size_t skip_trailer(std::size_t at) {
  const std::size_t left = block_bytes - at % block_bytes;
  return left < header_bytes ? at + left : at;
}

bool has_complete_entry(std::string_view log, std::size_t at) {
  bool in_entry = false;
  while ((at = skip_trailer(at)) < log.size()) {
    const Piece piece = piece_at(log, at);
    if (piece.kind == Kind::full || (piece.kind == Kind::last && in_entry)) return true;
    in_entry = piece.kind == Kind::first || (piece.kind == Kind::middle && in_entry);
    at = piece.end;
  }
  return false;
}

// A sector that was never written, in or behind the entry at `at`; or the rest of the page in which it broke off.
bool has_unwritten_sector(std::string_view log, std::size_t entry, std::size_t broken) {
  const std::size_t page_end = std::min(log.size(), broken - broken % page_bytes + page_bytes);
  if (page_end - broken >= header_bytes && is_zero(log.substr(broken, page_end - broken))) return true;
  for (std::size_t at = (entry + sector_bytes - 1) / sector_bytes * sector_bytes; at + sector_bytes <= log.size();
       at += sector_bytes) {
    if (is_zero(log.substr(at, sector_bytes))) return true;
  }
  return false;
}

}  // namespace

LogCheck check_log(std::string_view log) {
  std::size_t entry = 0;  // the begin of the entry that is being read
  bool in_entry = false;
  std::size_t at = 0;
  while ((at = skip_trailer(at)) < log.size()) {
    if (!in_entry) entry = at;
    const Piece piece = piece_at(log, at);
    if (piece.kind == Kind::cut_short) return {LogEnd::cut_short, entry};
    const bool begins = piece.kind == Kind::full || piece.kind == Kind::first;
    if (piece.kind == Kind::bad || begins == in_entry) {
      // A piece that is whole but out of place may itself begin an entry.
      const std::size_t behind = piece.kind == Kind::bad ? piece.end : at;
      const bool is_torn = has_unwritten_sector(log, entry, at) && !has_complete_entry(log, behind);
      return {is_torn ? LogEnd::torn : LogEnd::damaged, entry};
    }
    in_entry = piece.kind == Kind::first || piece.kind == Kind::middle;
    at = piece.end;
  }
  return {in_entry ? LogEnd::cut_short : LogEnd::whole, in_entry ? entry : log.size()};
}

base::Result<std::optional<TornTail>> find_torn_tail(const std::filesystem::path& folder) {
  std::map<std::uint64_t, std::filesystem::path> logs;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().stem().string();
    std::uint64_t number = 0;
    if (entry.path().extension() != ".log") continue;
    if (std::from_chars(name.data(), name.data() + name.size(), number).ec == std::errc())
      logs.emplace(number, entry.path());
  }
  for (const auto& [number, path] : logs) {
    const auto content = env::read_file(path, log_bytes_max);
    if (!content) return std::unexpected(content.error());
    const LogCheck check = check_log(*content);
    if (check.end == LogEnd::whole) continue;
    if (check.end == LogEnd::torn && number == logs.rbegin()->first) return TornTail{path, check.offset};
    return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace thalo::store
