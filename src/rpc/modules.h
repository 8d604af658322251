// thalo.v1.Modules on the folder of modules.
#pragma once

#include "command/module_folder.h"
#include "env/executor.h"
#include "net/server.h"

namespace thalo::rpc {

// Publishing compiles and writes files, so it runs on `executor`.
void add_modules(net::Router& methods, command::ModuleFolder& modules, env::Executor& executor);

}  // namespace thalo::rpc
