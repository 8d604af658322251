// Commands as JSON Lines.
#pragma once

#include <string_view>

#include "base/result.h"
#include "client/types.h"

namespace thalo::cli {

// One line: {"category":"counter","id":"abc","command":"Increment","payload":{…}} and, where wanted, "command_id",
// "correlation_id", "causation_id" (strings), "metadata" (an object), "expected_version" (a number). INVALID_ARGUMENT
// names the member that is missing, of the wrong kind or unknown.
base::Result<client::Command> parse_command_line(std::string_view line);

}  // namespace thalo::cli
