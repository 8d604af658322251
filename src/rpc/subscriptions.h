// thalo.v1.Subscriptions.
#pragma once

#include "feed/subscriptions.h"
#include "net/server.h"
#include "store/store.h"

namespace thalo::rpc {

// The store and the feed must outlive the server.
void add_subscriptions(net::Router& methods, feed::Subscriptions& subscriptions, const store::Store& store);

}  // namespace thalo::rpc
