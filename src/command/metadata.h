// The metadata of an event: a JSON object with `command_id`, `correlation_id`, `causation_id` and the client's own
// `metadata`, as far as given.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/command.h"

namespace thalo::command {

// Empty when the command carries nothing.
std::string event_metadata(const model::Command& command);

// The command id in an event's metadata; empty when there is none.
std::string command_id_of(std::string_view metadata);

}  // namespace thalo::command
