// Between this folder's values and the messages of thalo.v1. Only for the sources of this folder.
#pragma once

#include <google/protobuf/message.h>

#include "base/result.h"
#include "client/types.h"
#include "thalo/v1/commands.pb.h"

namespace thalo::client {

v1::ExecuteRequest to_wire(const Command& command);
Outcome from_wire(v1::ExecuteResponse& response);

// Whether every text of a request is UTF-8, which protobuf demands. INVALID_ARGUMENT names the field that is not.
base::Result<> check_texts(const google::protobuf::Message& message);

}  // namespace thalo::client
