// Tells the end of an unfinished write from damage in RocksDB's logs (docs/format.md, "Recovery").
//
// A power cut can leave a log that ends in the middle of an entry, or in which pages of the last, unsynced writes read
// as zeros because they never reached the disk, while later pages or the next log did. RocksDB would refuse some of
// these and silently skip the hole in others. So all logs are checked before RocksDB sees them: what an unfinished
// write left is cut off, anything else that is wrong is refused.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/event.h"

namespace thalo::store {

enum class LogEnd : std::uint8_t {
  whole,      // after a complete entry
  cut_short,  // the file ends in the middle of an entry
  torn,       // in an entry that is not complete, with sectors in or behind it that were never written
  damaged,    // in an entry that is not complete, for no such reason
};

struct LogCheck {
  LogEnd end = LogEnd::whole;
  std::uint64_t offset = 0;  // of the first entry that is not complete
  std::uint64_t broken = 0;  // of the place in it that cannot be read
  std::optional<model::GlobalPosition> last_event;
};

// `last_event` is the last one in the logs before, when there is one.
LogCheck check_log(std::string_view log, std::optional<model::GlobalPosition> last_event);

// Where the logs of a database stop being whole.
struct LogsCut {
  std::filesystem::path file;                     // the first log that is not whole
  std::uint64_t offset = 0;                       // of its first entry that is not complete
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
