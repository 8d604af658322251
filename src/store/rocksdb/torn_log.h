// Tells the torn end of an unfinished write from damage, when RocksDB refuses its logs (docs/format.md, "Recovery").
//
// A power cut can leave a log in which blocks of the last, unsynced write are zeros because they never reached the
// disk. RocksDB cannot tell that from bit rot and refuses both; here the two are told apart, and only the first is let
// pass.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace thalo::store {

struct TornTail {
  std::filesystem::path log;
  std::uint64_t offset = 0;  // of the incomplete entry
};

// The torn tail of the newest log in `folder`, when that is all that is wrong with the logs there. Nothing when
// something else is, or when nothing is. Reads the logs whole; changes nothing.
base::Result<std::optional<TornTail>> find_torn_tail(const std::filesystem::path& folder);

// --- its parts, for tests ---

enum class LogEnd : std::uint8_t {
  whole,      // after a complete entry
  cut_short,  // in the middle of an entry, as far as the file goes
  torn,       // in an entry with unwritten sectors, behind which no complete entry follows
  damaged,    // otherwise
};
struct LogCheck {
  LogEnd end = LogEnd::whole;
  std::uint64_t offset = 0;  // of the first incomplete entry
};
LogCheck check_log(std::string_view content);

}  // namespace thalo::store
