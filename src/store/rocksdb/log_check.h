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

// Checks all logs in `folder` and drops the unfinished writes at their end. DATA_LOSS names the file and the place of
// damage.
base::Result<> check_logs(const std::filesystem::path& folder);

}  // namespace thalo::store
