// RocksDB's log as it stands in its file: blocks of 32 KiB; an entry is one piece, or a first one, middle ones and a
// last; a piece stands in one block, behind a header of checksum (4 bytes), length (2) and kind (1). What is left of a
// block when no header fits is skipped. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "model/event.h"

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

// What an entry holds.
struct EntrySummary {
  // More than chunks, checkpoints and snapshots: somebody may have been told that it is durable. So is what cannot be
  // read.
  bool is_synced = true;
  std::optional<model::GlobalPosition> first_event;
  std::optional<model::GlobalPosition> last_event;
};
EntrySummary summarize_entry(std::string_view entry);

}  // namespace thalo::store
