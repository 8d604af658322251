// Programs from a package registry that a language is built with, installed once into Thalo's cache. Any thread;
// several builds may want the same at once.
#pragma once

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

// Writes a line; what cannot be written is lost.
void notify(int fd, std::string_view line);

}  // namespace thalo::build
