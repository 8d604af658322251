// A projection as it is kept in its cursor (docs/format.md, "Projections"). Pure functions.
#pragma once

#include <string_view>

#include "base/result.h"
#include "feed/filter.h"
#include "feed/projection_machine.h"
#include "store/store.h"

namespace thalo::feed {

struct ProjectionRecord {
  Filter filter;
  ProjectionPlace place;
};

store::Cursor encode_record(const ProjectionRecord& record);
// DATA_LOSS names the projection.
base::Result<ProjectionRecord> decode_record(std::string_view name, const store::Cursor& cursor);

}  // namespace thalo::feed
