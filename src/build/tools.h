// Programs from a package registry that a language is built with, installed once into Thalo's cache. Any thread;
// several builds may want the same at once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>

#include "base/result.h"

namespace thalo::build {

// `folder`, after `install` has filled it the first time: it gets a folder beside it, which becomes `folder` in one
// step and only when all went well. `title` is told before, on `notify_fd`, for it takes long.
base::Result<std::filesystem::path> install_once(
    const std::filesystem::path& folder, std::string_view title, int notify_fd,
    const std::function<base::Result<>(const std::filesystem::path& fresh)>& install);

// Removes `folder` when what is in it is larger than `bytes_max`, for what a tool keeps and never removes itself. True:
// it has gone. Whoever uses it meanwhile must bear that.
bool remove_when_larger(const std::filesystem::path& folder, std::uintmax_t bytes_max);

// Writes a line; what cannot be written is lost.
void notify(int fd, std::string_view line);

}  // namespace thalo::build
