// The server reflection protocol, v1 and v1alpha, so that grpcurl and its like work without .proto files.
#pragma once

#include <string>
#include <vector>

#include "net/server.h"

namespace thalo::rpc {

// `services` are the full names that are listed; everything compiled into the program can be looked up.
void add_reflection(net::Router& methods, std::vector<std::string> services);

}  // namespace thalo::rpc
