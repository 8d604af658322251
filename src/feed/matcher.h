// A Filter made ready for matching millions of events.
#pragma once

#include <vector>

#include "feed/filter.h"

namespace thalo::feed {

// Immutable once made; any thread.
class Matcher {
 public:
  explicit Matcher(const Filter& filter) {
    for (const store::Filter& part : filter) parts_.emplace_back(&part);
  }
  bool matches_everything() const { return parts_.empty(); }
  bool matches(const model::EventView& event) const {
    if (parts_.empty()) return true;
    for (const store::FilterMatcher& part : parts_)
      if (part.matches(event)) return true;
    return false;
  }

 private:
  std::vector<store::FilterMatcher> parts_;
};

}  // namespace thalo::feed
