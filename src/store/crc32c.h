// CRC-32C (Castagnoli), as RocksDB's logs use it. Any thread; several GB/s where the processor has an instruction for
// it.
#pragma once

#include <cstdint>
#include <string_view>

namespace thalo::store {

std::uint32_t crc32c(std::string_view bytes);

}  // namespace thalo::store
