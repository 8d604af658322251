// The bounds of the commit pipeline.
#pragma once

#include <cstddef>
#include <cstdint>

namespace thalo::store {

struct CommitLimits {
  std::size_t queue_appends_max = 65'536;
  std::size_t queue_bytes_max = std::size_t{256}
                                << 20;  // of encoded events, in the queue and in the batch being written
  std::size_t append_bytes_max = std::size_t{64} << 20;
  std::uint32_t append_events_max = 65'536;
  std::size_t batch_bytes_max = std::size_t{4} << 20;  // a larger append is a batch by itself
  std::size_t batch_events_max = 16'384;
};

}  // namespace thalo::store
