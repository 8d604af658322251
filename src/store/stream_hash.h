// The hash of a stream's name, computed once per append and used in every table on its way.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace thalo::store {

// SipHash-2-4 with a random key of this process (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012): who
// chooses names cannot choose any that share a hash, and so slow down everybody's look-ups. Not for anything that
// outlives the process. Any thread.
std::uint64_t stream_hash(std::string_view stream);

// What streams are shared out by, among shards or the members of a projection: the same in every process, so that an
// entity's neighbours are the same ones after a restart. For no table. Any thread.
inline std::uint64_t share_hash(std::string_view stream) { return std::hash<std::string_view>{}(stream); }

}  // namespace thalo::store
