// How long a time may be that a flag gives in milliseconds.
#pragma once

#include <cstdint>

namespace thalo::base {

// A year: the clocks count nanoseconds in 64 bits.
inline constexpr std::uint64_t duration_ms_max = std::uint64_t{365} * 24 * 60 * 60 * 1000;

}  // namespace thalo::base
