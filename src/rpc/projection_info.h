// A projection's failure policy and description on the wire.
#pragma once

#include "feed/projections.h"
#include "thalo/v1/projections.pb.h"

namespace thalo::rpc {

feed::FailurePolicy policy_from_wire(const v1::FailurePolicy& policy);
void to_wire(feed::ProjectionDescription&& description, v1::ProjectionInfo& out);

}  // namespace thalo::rpc
