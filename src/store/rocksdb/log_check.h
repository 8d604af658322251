// Tells the end of an unfinished write from damage in RocksDB's logs (docs/format.md, "Recovery").
//
// A power cut can leave a log that ends in the middle of an entry, or in which pages of the last, unsynced writes read
// as zeros because they never reached the disk, while later pages or the next log did. RocksDB would refuse some of
// these and silently skip the hole in others. So all logs are checked before RocksDB sees them: what an unfinished
// write left is cut off, anything else that is wrong is refused. What tells the two apart is that every entry says how
// far the log was synced when it was written.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace thalo::store {

enum class LogEnd : std::uint8_t {
  whole,      // after a complete entry
  cut_short,  // the file ends in the middle of an entry
  torn,       // in an entry that is not complete, with sectors in or behind it that were never written; or before one
              // whose numbers do not follow the last ones: what it follows never reached the disk, or was refused by it
              // and is there all the same
  damaged,    // in an entry that is not complete, for no such reason
};

struct LogCheck {
  LogEnd end = LogEnd::whole;
  std::uint64_t offset = 0;       // of the first entry that is not complete or does not follow
  std::uint64_t behind = 0;       // from where on something may stand behind what is wrong
  std::uint64_t last_change = 0;  // the number of the last one before that entry (log_pieces.h)
};

// `last_change` is the number of the last one in the logs before; 0 if there is none.
LogCheck check_log(std::string_view log, std::uint64_t last_change);

// Where the logs of a database stop being whole.
struct LogsCut {
  std::filesystem::path file;                     // the first log that is not whole
  std::uint64_t offset = 0;                       // from where on it is to be dropped
  std::uint64_t size = 0;                         // of the file
  std::vector<std::filesystem::path> later = {};  // the logs after it
  // False: what stands behind is the mark of an unfinished write and may be dropped.
  bool is_damage = false;
};

// Reads all logs in `folder` and changes nothing. Empty: they are whole. An error: one cannot be read at all.
base::Result<std::optional<LogsCut>> find_cut(const std::filesystem::path& folder);
// DATA_LOSS naming the file and the place.
base::Error log_damage(const LogsCut& cut);

// Checks all logs in `folder` and drops the unfinished writes at their end. DATA_LOSS names the file and the place of
// damage.
base::Result<> check_logs(const std::filesystem::path& folder);

}  // namespace thalo::store
