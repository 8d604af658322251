// A projection as it is kept in its cursor (docs/format.md, "Projections"). Pure functions.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "feed/filter.h"
#include "feed/projection_machine.h"
#include "store/store.h"

namespace thalo::feed {

struct ProjectionRecord {
  Filter filter;
  ProjectionPlace place;
  std::set<std::string, std::less<>> unseen_types = {};  // of the filter, that no event has had that was read
};

// All types of a filter: those that a new projection has not seen.
std::set<std::string, std::less<>> types_of(const Filter& filter);

store::Cursor encode_record(const ProjectionRecord& record);
// DATA_LOSS names the projection.
base::Result<ProjectionRecord> decode_record(std::string_view name, const store::Cursor& cursor);

}  // namespace thalo::feed
