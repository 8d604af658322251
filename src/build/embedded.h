// The files that `thalo build` carries inside the program, so that an installed one needs no checkout: the C++ SDK's
// headers, the contract and the preview1 adapter. The table is written by CMake (cmake/ThaloEmbed.cmake).
#pragma once

#include <span>
#include <string_view>

namespace thalo::build {

struct EmbeddedFile {
  std::string_view path;  // e.g. "sdk/thalo/aggregate.h", "wit/aggregate.wit"
  std::string_view content;
};

std::span<const EmbeddedFile> embedded_files();

// The content of one that must exist.
std::string_view embedded_file(std::string_view path);

}  // namespace thalo::build
