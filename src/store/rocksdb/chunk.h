// The entries of the stream index on disk: where a run of a stream's events are (docs/format.md, "The column `index`").
// Pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/event.h"

namespace thalo::store {

// The key of the checkpoint. Sorts before every stream: no name begins with a zero byte.
inline constexpr std::string_view checkpoint_key("\0checkpoint", 11);

// The most events in one chunk. Part of the format: a stretch is cut into the same chunks however often it is written.
inline constexpr std::size_t chunk_events_max = 1024;

// The keys of a stream's chunks begin with its name and a zero byte, which no name contains; the complement of the
// first position follows, big-endian: the newest chunk comes first, and the first key at or after that of a position is
// the chunk that holds it.
std::string chunk_key(std::string_view stream, model::Position first);
// The part of the key that a stream's chunks share.
std::string_view chunk_key_prefix(std::string_view key);
bool is_chunk_key(std::string_view key);
// Only when is_chunk_key.
std::string_view chunk_key_stream(std::string_view key);
model::Position chunk_key_first(std::string_view key);

// `positions` ascend and are not empty.
std::string encode_chunk(std::span<const model::GlobalPosition> positions);

// DATA_LOSS names the stream and the position of the chunk.
base::Result<std::uint64_t> decode_chunk_count(std::string_view key, std::string_view value);
// Appends the positions to `out`.
base::Result<> decode_chunk(std::string_view key, std::string_view value, std::vector<model::GlobalPosition>& out);

}  // namespace thalo::store
