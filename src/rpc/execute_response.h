// What answers a command (proto/thalo/v1/commands.proto), written by hand. A test holds it to the generated classes.
#pragma once

#include <cstdint>
#include <string>

#include "command/caller.h"
#include "model/event.h"

namespace thalo::rpc {

// Appends a v1::ExecuteResponse.
void append_execute_response(std::string& out, const model::StoreId& store, const command::ExecuteOutcome& outcome);

// Appends an element of v1::ExecuteStreamResponse.answers.
void append_stream_answer(std::string& out, std::uint64_t tag, const model::StoreId& store,
                          const base::Result<command::ExecuteOutcome>& outcome);

}  // namespace thalo::rpc
