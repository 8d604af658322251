#include "tests/fuzz/log_bytes.h"

#include <algorithm>
#include <array>

#include "store/crc32c.h"
#include "store/rocksdb/log_pieces.h"
#include "store/varint.h"

namespace thalo::fuzz {
namespace {

constexpr std::size_t block_bytes = 32768;
constexpr std::size_t header_bytes = 7;

void append_piece(std::string& log, std::string_view content, char kind) {
  const std::string covered = kind + std::string(content);
  const std::uint32_t crc = store::crc32c(covered);
  const std::uint32_t masked = ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
  for (int shift = 0; shift < 32; shift += 8) log += static_cast<char>(masked >> shift);
  log += static_cast<char>(content.size());
  log += static_cast<char>(content.size() >> 8);
  log += covered;
}

// Cut into pieces: whole (1), first (2), middle (3), last (4).
void append_entry(std::string& log, std::string_view entry) {
  for (bool is_first = true;; is_first = false) {
    std::size_t room = block_bytes - log.size() % block_bytes;
    if (room < header_bytes) log.append(room, '\0');
    room = block_bytes - log.size() % block_bytes - header_bytes;
    const bool is_last = entry.size() <= room;
    const std::string_view piece = entry.substr(0, std::min(room, entry.size()));
    append_piece(log, piece, static_cast<char>(is_first ? (is_last ? 1 : 2) : (is_last ? 4 : 3)));
    if (is_last) return;
    entry.remove_prefix(piece.size());
  }
}

}  // namespace

std::string log_bytes(const std::vector<model::GlobalPosition>& events, std::size_t data_bytes) {
  std::string log;
  for (const model::GlobalPosition event : events) {
    std::string entry(8, '\0');
    store::put_fixed64(entry.data(), event);  // the number of its first change
    entry += std::string{1, 0, 0, 0, 5};      // there is one: a put into a column
    store::append_varint(entry, 1);
    std::array<char, 8> key;
    store::put_big_endian64(key.data(), event);
    store::append_text(entry, {key.data(), key.size()});
    store::append_text(entry, std::string(data_bytes, 'x'));
    entry += '\3';
    store::append_text(entry, store::synced_mark(event - 1));
    append_entry(log, entry);
  }
  return log;
}

}  // namespace thalo::fuzz
