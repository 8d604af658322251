// thalo.v1.Admin on the store and the relays.
#pragma once

#include <filesystem>

#include "env/executor.h"
#include "net/server.h"
#include "relay/relays.h"
#include "store/store.h"

namespace thalo::rpc {

struct AdminParts {
  store::Store& store;
  // Below which clients may have backups made; empty: they may not.
  std::filesystem::path backup_path;
  env::Executor& backups;  // one backup at a time
  env::Executor& readers;
  const relay::Relays& relays;
};

// What the parts name must outlive the server.
void add_admin(net::Router& methods, const AdminParts& parts);

}  // namespace thalo::rpc
