// thalo.v1.Projections, and thalo.Projection of Thalo 0.8 on the same machinery.
#pragma once

#include <memory>

#include "env/executor.h"
#include "feed/projections.h"
#include "net/server.h"
#include "store/store.h"

namespace thalo::rpc {

// Everything must outlive the server. `readers` reads the store.
void add_projections(net::Router& methods, feed::Projections& projections, store::Store& store, env::Executor& readers);

// project.cc: one call of Project.
std::unique_ptr<net::StreamHandler> make_project(net::Stream stream, feed::Projections& projections,
                                                 store::Store& store, env::Executor& readers);

void add_projection_0_8(net::Router& methods, feed::Projections& projections);

}  // namespace thalo::rpc
