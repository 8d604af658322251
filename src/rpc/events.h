// thalo.v1.Events on the store.
#pragma once

#include "env/executor.h"
#include "net/server.h"
#include "store/store.h"

namespace thalo::rpc {

// Reads block on the disk, so they run on `executor`.
void add_events(net::Router& methods, store::Store& store, env::Executor& executor);

}  // namespace thalo::rpc
