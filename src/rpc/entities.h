// thalo.v1.Entities: looking at one entity without changing it.
#pragma once

#include "command/router.h"
#include "env/executor.h"
#include "net/server.h"
#include "store/store.h"

namespace thalo::rpc {

struct EntitiesContext {
  command::Router& commands;
  const command::Catalog& catalog;
  store::Store& store;
  env::Executor& executor;  // for what blocks: reads and replays
  wasm::Limits limits;
};

// `context` is copied; what it refers to must outlive the server.
void add_entities(net::Router& methods, const EntitiesContext& context);

}  // namespace thalo::rpc
