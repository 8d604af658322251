// thalo.v1.Admin on the store.
#pragma once

#include <filesystem>

#include "env/executor.h"
#include "net/server.h"
#include "store/store.h"

namespace thalo::rpc {

struct AdminParts {
  store::Store& store;
  // Below which clients may have backups made; empty: they may not.
  std::filesystem::path backup_path;
  env::Executor& backups;  // one backup at a time
  env::Executor& readers;
};

// What the parts name must outlive the server.
void add_admin(net::Router& methods, const AdminParts& parts);

}  // namespace thalo::rpc
