#include "store/rocksdb/log_pieces.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "store/crc32c.h"
#include "store/rocksdb/database.h"
#include "store/varint.h"

namespace thalo::store {
namespace {

constexpr std::size_t block_bytes = std::size_t{32} * 1024;
constexpr std::size_t entry_header_bytes = 12;
constexpr char mark_version = 1;

std::uint32_t masked(std::uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8U; }

}  // namespace

std::size_t next_piece(std::size_t at) {
  const std::size_t left = block_bytes - at % block_bytes;
  return left < piece_header_bytes ? at + left : at;
}

Piece read_piece(std::string_view log, std::size_t at) {
  const std::size_t block_end = at - at % block_bytes + block_bytes;
  if (at + piece_header_bytes > log.size()) return {PieceKind::cut_short, {}, log.size()};
  const auto byte = [&](std::size_t index) { return static_cast<std::uint8_t>(log[at + index]); };
  const std::size_t end = at + piece_header_bytes + byte(4) + (std::size_t{byte(5)} << 8);
  const std::uint8_t kind = byte(6);
  if (kind < 1 || kind > 4 || end > block_end) return {};
  std::uint32_t stored = 0;
  std::memcpy(&stored, log.data() + at, sizeof stored);
  const std::string_view content =
      log.substr(at + piece_header_bytes, std::min(end, log.size()) - at - piece_header_bytes);
  // The checksum covers the kind too.
  const bool is_intact = stored == masked(crc32c({content.data() - 1, content.size() + 1}));
  // All there, but for the length: that is damage, not the end of the file.
  if (end > log.size()) return {is_intact ? PieceKind::bad : PieceKind::cut_short, {}, log.size()};
  if (!is_intact) return {};
  return {static_cast<PieceKind>(kind - 1), content, end};
}

// The number of the first change and their count stand in front.
EntryNumbers entry_numbers(std::string_view entry) {
  if (entry.size() < entry_header_bytes) return {};
  EntryNumbers numbers;
  std::uint32_t count = 0;
  std::memcpy(&numbers.first, entry.data(), sizeof numbers.first);
  std::memcpy(&count, entry.data() + sizeof numbers.first, sizeof count);
  if (count > 0) numbers.last = numbers.first + count - 1;
  return numbers;
}

std::string synced_mark(std::uint64_t number) {
  std::string mark(1, mark_version);
  append_varint(mark, number);
  return mark;
}

// Behind the header stand changes: a tag, the number of the column, the key, and for a put the value. Those of the
// column `default` have other tags, without a number; they are written when nothing can stand before them. RocksDB may
// make one entry of what several threads write: then there are several marks.
std::uint64_t synced_before(std::string_view entry) {
  constexpr char tag_log_data = 3;
  constexpr char tag_delete = 4;
  constexpr char tag_put = 5;
  if (entry.size() < entry_header_bytes) return UINT64_MAX;
  entry.remove_prefix(entry_header_bytes);
  std::optional<std::uint64_t> greatest;
  bool is_derived = true;
  while (!entry.empty()) {
    const char tag = entry[0];
    entry.remove_prefix(1);
    std::uint64_t number = 0;
    std::string_view text;
    if (tag == tag_log_data) {
      if (!take_text(entry, text) || text.empty() || text[0] != mark_version) return UINT64_MAX;
      text.remove_prefix(1);
      if (!take_varint(text, number) || !text.empty()) return UINT64_MAX;
      greatest = std::max(greatest.value_or(0), number);
      continue;
    }
    if ((tag != tag_put && tag != tag_delete) || !take_varint(entry, number) || !take_text(entry, text))
      return UINT64_MAX;
    if (tag == tag_put && !take_text(entry, text)) return UINT64_MAX;
    is_derived = is_derived && (number == index_column || number == snapshots_column);
  }
  return greatest.value_or(is_derived ? 0 : UINT64_MAX);
}

}  // namespace thalo::store
