// What the commands that send a module to a server say. Any thread.
#pragma once

#include <string>

#include "client/client.h"

namespace thalo::cli {

// "Published counter version 3 (…); it serves counter", without the end of the line.
std::string published_line(const client::Module& module);

}  // namespace thalo::cli
