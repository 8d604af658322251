// How the CLI shows an event.
#pragma once

#include <cstdint>
#include <string>

#include "client/client.h"

namespace thalo::cli {

// One JSON object on one line; `data` and `metadata` are embedded as the JSON they are.
std::string to_json(const client::Event& event);

// The members of an outcome's JSON object, without its braces.
std::string outcome_json(const client::Outcome& outcome);

// "2026-01-31T12:00:00.123Z"
std::string time_text(std::int64_t time_ms);

}  // namespace thalo::cli
