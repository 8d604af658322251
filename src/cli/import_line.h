// A line of an export.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/event.h"

namespace thalo::cli {

struct ImportLine {
  std::uint64_t number = 0;  // from 1
  std::string stream;
  model::Position position = 0;
  std::optional<std::int64_t> time_ms;  // none: when it is stored
  model::NewEvent event;
};

// `stream`, `type`, `data` and `position` must be there; `metadata` and `time` may be; what else there is, is left out.
// INVALID_ARGUMENT names the member.
base::Result<ImportLine> parse_import_line(std::string_view text);

}  // namespace thalo::cli
