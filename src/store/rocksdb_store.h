// The embedded store: RocksDB below a folder. What is on disk: docs/format.md; how it works: README.md.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>

#include "base/result.h"
#include "store/commit_limits.h"
#include "store/store.h"

namespace thalo::store {

struct RocksdbOptions {
  std::filesystem::path path;
  bool create_if_missing = true;
  CommitLimits commit = {};

  // Memory. New events wait in up to three buffers, new index entries too.
  std::size_t cache_bytes = std::size_t{64} << 20;
  std::size_t events_buffer_bytes = std::size_t{8} << 20;
  std::size_t index_buffer_bytes = std::size_t{8} << 20;
  // Streams whose version is remembered because they were appended to last.
  std::size_t head_cache_streams = 32'768;

  // How long the thread that writes the stream index rests after each small step, so that it never keeps a core from
  // the commands for long; not when it falls behind.
  std::chrono::milliseconds index_rest{5};

  // For a store that is made: events per stretch of the stream index. Fixed for the life of a store.
  std::uint32_t stretch_events = 65'536;
};

// Opens or creates the store in `options.path`. Errors name the folder: NOT_FOUND (missing, and not to be created),
// PERMISSION_DENIED (not writable), FAILED_PRECONDITION (a file, or a folder that is no store; in use by another
// process; of a newer format), DATA_LOSS (damaged), INVALID_ARGUMENT (an option). The folder is locked until the store
// is destroyed.
base::Result<std::unique_ptr<Store>> open_rocksdb_store(const RocksdbOptions& options);

// Opens the closed store in `path` for reading: changes nothing in its folder, writes what an unfinished write left
// nowhere, and refuses appends, cursors and snapshots. Several processes may read at once, while a runtime is kept out.
// Errors as above; FAILED_PRECONDITION too when a runtime has the store open.
base::Result<std::unique_ptr<Store>> open_rocksdb_store_read_only(const std::filesystem::path& path);

}  // namespace thalo::store
