// grpc.testing.TestService, and the load reports its clients ask for, on thalo::net.
#pragma once

#include "net/server.h"
#include "tests/interop/scheduler.h"

namespace thalo::interop {

// `scheduler` must outlive the server. UnimplementedCall and UnimplementedService stay unregistered: that is what their
// tests want.
void register_test_service(net::Router& router, Scheduler& scheduler);

}  // namespace thalo::interop
