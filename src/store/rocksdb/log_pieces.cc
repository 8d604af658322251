#include "store/rocksdb/log_pieces.h"

#include <algorithm>
#include <cstring>

#include "store/crc32c.h"
#include "store/rocksdb/database.h"
#include "store/varint.h"

namespace thalo::store {
namespace {

constexpr std::size_t block_bytes = std::size_t{32} * 1024;
constexpr std::size_t entry_header_bytes = 12;

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

// 12 bytes, then changes: a tag, the number of the column, the key, and for a put the value.
EntrySummary summarize_entry(std::string_view entry) {
  constexpr char tag_delete = 4;
  constexpr char tag_put = 5;
  EntrySummary summary;
  if (entry.size() < entry_header_bytes) return summary;
  entry.remove_prefix(entry_header_bytes);
  bool is_derived = true;
  while (!entry.empty()) {
    const char tag = entry[0];
    entry.remove_prefix(1);
    std::uint64_t column = 0;
    std::string_view key;
    std::string_view value;
    if ((tag != tag_put && tag != tag_delete) || !take_varint(entry, column) || !take_text(entry, key)) return summary;
    if (tag == tag_put && !take_text(entry, value)) return summary;
    if (column != index_column && column != snapshots_column) is_derived = false;
    if (column != events_column || key.size() != sizeof(model::GlobalPosition)) continue;
    summary.last_event = get_big_endian64(key);
    if (!summary.first_event) summary.first_event = summary.last_event;
  }
  summary.is_synced = !is_derived;
  return summary;
}

}  // namespace thalo::store
