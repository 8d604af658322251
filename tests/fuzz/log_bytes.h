// A log as RocksDB writes it, for seeds.
#pragma once

#include <string>
#include <vector>

#include "model/event.h"

namespace thalo::fuzz {

// One entry for each event, with that many bytes of data and the event's number.
std::string log_bytes(const std::vector<model::GlobalPosition>& events, std::size_t data_bytes);

}  // namespace thalo::fuzz
