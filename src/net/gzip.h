// gzip for messages. Any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace thalo::net {

// Appends `bytes`, compressed, to `out`.
void append_gzip(std::string& out, std::string_view bytes);

// Puts what `bytes` stands for into `out` (cleared first). RESOURCE_EXHAUSTED as soon as that is more than
// `size_bytes_max`, INVALID_ARGUMENT when it is not one whole gzip stream.
base::Result<> gunzip(std::string& out, std::string_view bytes, std::size_t size_bytes_max);

}  // namespace thalo::net
