// Reads the headers of a request into its call. Loop thread.
#pragma once

#include <string_view>

#include "net/call_state.h"
#include "net/server.h"

namespace thalo::net {

// Takes one header. What is wrong with it is noted as the call's rejection (the first fault wins) and told to the
// client once all headers are there. False when the client has sent so much more than the limit that its connection is
// not worth keeping.
bool take_header(Call& call, std::string_view name, std::string_view value, const ServerOptions& options,
                 const Router& router, TimePoint now);

// All headers are there: completes the call's rejection, if there is a reason for one.
void check_headers(Call& call, const ServerOptions& options);

}  // namespace thalo::net
