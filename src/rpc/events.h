// thalo.v1.Events on the store.
#pragma once

#include "command/router.h"
#include "env/executor.h"
#include "net/server.h"
#include "store/store.h"

namespace thalo::rpc {

// Reads block on the disk, so they run on `executor`. Appends go through the router, which keeps entities in memory in
// step.
void add_events(net::Router& methods, store::Store& store, command::Router& commands, env::Executor& executor);

}  // namespace thalo::rpc
