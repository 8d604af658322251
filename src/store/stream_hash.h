// The hash of a stream's name, computed once per append and used in every table on its way.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace thalo::store {

inline std::uint64_t stream_hash(std::string_view stream) { return std::hash<std::string_view>{}(stream); }

}  // namespace thalo::store
