// Many commands over one call of ExecuteStream.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include "base/result.h"
#include "client/channel.h"
#include "client/types.h"
#include "thalo/v1/commands.grpc.pb.h"

namespace thalo::client {

// Client::execute_all.
base::Result<> run_command_stream(v1::Commands::Stub& commands, const Channel& channel,
                                  std::chrono::milliseconds timeout, CommandSource& source, std::size_t under_way_max,
                                  const std::function<void(std::uint64_t, base::Result<Outcome>)>& answered);

}  // namespace thalo::client
