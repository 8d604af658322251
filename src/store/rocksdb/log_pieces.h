// RocksDB's log as it stands in its file: blocks of 32 KiB; an entry is one piece, or a first one, middle ones and a
// last; a piece stands in one block, behind a header of checksum (4 bytes), length (2) and kind (1). What is left of a
// block when no header fits is skipped. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace thalo::store {

enum class PieceKind : std::uint8_t { full, first, middle, last, cut_short, bad };

struct Piece {
  PieceKind kind = PieceKind::bad;
  std::string_view content = {};
  std::size_t end = 0;  // where the next piece begins; not of a bad one

  bool begins_entry() const { return kind == PieceKind::full || kind == PieceKind::first; }
  bool ends_entry() const { return kind == PieceKind::full || kind == PieceKind::last; }
};

inline constexpr std::size_t piece_header_bytes = 7;

// The next place at or after `at` where a piece may begin.
std::size_t next_piece(std::size_t at);
// The piece at such a place, which is in the log. Checks its checksum.
Piece read_piece(std::string_view log, std::size_t at);

// RocksDB numbers the changes of a database: 1, 2, … without a gap, as they stand in its logs.
struct EntryNumbers {
  std::uint64_t first = 0;
  std::uint64_t last = 0;  // 0: the entry has no change, or cannot be read
};
EntryNumbers entry_numbers(std::string_view entry);

// What an entry says of those before it: the number of the last change that was synced when it was written, 0 if none
// had been since the store was opened. It stands among the changes as what RocksDB calls log data, which it leaves
// alone.
std::string synced_mark(std::uint64_t number);
// The greatest that an entry says. One that does not say it is from before there were marks: 0 if it holds only chunks,
// checkpoints and snapshots, of which nobody is told, otherwise UINT64_MAX, more than can be known of.
std::uint64_t synced_before(std::string_view entry);

}  // namespace thalo::store
