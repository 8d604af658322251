// Callers over gRPC: unary calls, reads, and commands in streams.
#pragma once

#include <memory>

#include "load/connections.h"
#include "load/driver.h"
#include "load/settings.h"

namespace thalo::load {

// `callers` callers of one thread spread over `connections`. The settings must outlive the transport.
std::unique_ptr<Transport> make_network_transport(const Settings& settings, std::size_t callers,
                                                  std::unique_ptr<Connections> connections, std::uint64_t seed);

}  // namespace thalo::load
