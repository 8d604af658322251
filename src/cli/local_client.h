// A closed store's folder behind the interface of a client: what only reads events works without a server.
#pragma once

#include <filesystem>
#include <memory>

#include "client/client.h"

namespace thalo::cli {

// Opens the store for reading; it is closed with the client. Methods that need a runtime answer UNIMPLEMENTED.
base::Result<std::unique_ptr<client::Client>> open_local(const std::filesystem::path& store);

}  // namespace thalo::cli
