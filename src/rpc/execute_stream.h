// thalo.v1.Commands.ExecuteStream: many commands over one call.
#pragma once

#include <memory>

#include "command/router.h"
#include "net/server.h"
#include "store/store.h"

namespace thalo::rpc {

std::unique_ptr<net::StreamHandler> make_execute_stream(net::Stream stream, command::Router& commands,
                                                        const store::Store& store);

}  // namespace thalo::rpc
