// The few file operations the project needs, with errors as values that name the file.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace thalo::env {

// The whole file. NOT_FOUND, PERMISSION_DENIED, or RESOURCE_EXHAUSTED when it has more than `size_bytes_max` bytes.
base::Result<std::string> read_file(const std::filesystem::path& path,
                                    std::size_t size_bytes_max = std::size_t{1} << 30);

enum class Sync : bool { no, yes };

// Replaces `path` in one step: a temporary file beside it is written, synced and renamed over it, then the folder is
// synced. A reader sees the old content or the new, also after a power cut; without the syncs, then anything.
base::Result<> write_file_atomically(const std::filesystem::path& path, std::string_view content,
                                     Sync sync = Sync::yes);

// Makes the folder and its parents; fine when it exists.
base::Result<> make_folder(const std::filesystem::path& path);

// A new empty folder below the system's folder for temporary files.
base::Result<std::filesystem::path> make_temporary_folder(std::string_view prefix);

}  // namespace thalo::env
