// thalo.CommandCenter of Thalo 0.8, wire-compatible.
#pragma once

#include "command/module_folder.h"
#include "command/router.h"
#include "env/executor.h"
#include "net/server.h"

namespace thalo::rpc {

// Publishing compiles and writes a file, so it runs on `executor`.
void add_command_center(net::Router& methods, command::Router& commands, command::ModuleFolder& modules,
                        env::Executor& executor);

}  // namespace thalo::rpc
