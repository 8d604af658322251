// thalo.v1.Commands on the router.
#pragma once

#include "command/router.h"
#include "net/server.h"
#include "store/store.h"

namespace thalo::rpc {

void add_commands(net::Router& methods, command::Router& commands, const store::Store& store);

}  // namespace thalo::rpc
