// Emptying a string or a vector that is used again.
#pragma once

#include <cstddef>

namespace thalo::base {

inline constexpr std::size_t kept_buffer_bytes = 16 << 10;

// A buffer of more than `kept_bytes_max` is given back; assigning an empty string or `{}` would keep it.
template <class Buffer>
void clear_buffer(Buffer& buffer, std::size_t kept_bytes_max = kept_buffer_bytes) {
  buffer.clear();
  if (buffer.capacity() * sizeof(typename Buffer::value_type) > kept_bytes_max) Buffer().swap(buffer);
}

}  // namespace thalo::base
