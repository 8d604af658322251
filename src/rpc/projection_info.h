// A projection's name, failure policy and description on the wire.
#pragma once

#include <string_view>

#include "base/result.h"
#include "feed/projections.h"
#include "thalo/v1/projections.pb.h"

namespace thalo::rpc {

// Names that begin with '$' are those of the runtime's own projections: no client joins or makes one.
base::Result<> check_joined_name(std::string_view name);
feed::FailurePolicy policy_from_wire(const v1::FailurePolicy& policy);
void to_wire(feed::ProjectionDescription&& description, v1::ProjectionInfo& out);

}  // namespace thalo::rpc
