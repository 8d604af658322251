// The [[relay]] tables of the configuration file and the flags of Thalo 0.8 for its Redis relay.
#pragma once

#include <toml++/toml.h>

#include <vector>

#include "relay/settings.h"

namespace thalo::server {

// INVALID_ARGUMENT names the relay and the key. What the values mean is checked by relay::check_settings.
base::Result<std::vector<relay::Settings>> read_relays(const toml::node& relays);

}  // namespace thalo::server
