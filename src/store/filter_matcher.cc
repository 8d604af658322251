#include "store/filter_matcher.h"

#include "model/stream_name.h"

namespace thalo::store {

FilterMatcher::FilterMatcher(const Filter* filter) : everything_(true) {
  if (filter == nullptr) return;
  categories_.insert(filter->categories.begin(), filter->categories.end());
  streams_.insert(filter->streams.begin(), filter->streams.end());
  types_.insert(filter->types.begin(), filter->types.end());
  everything_ = categories_.empty() && streams_.empty() && types_.empty();
}

bool FilterMatcher::matches(const model::EventView& event) const {
  return everything_ || (accepts(types_, event.type) && accepts(categories_, model::category_of(event.stream)) &&
                         accepts(streams_, event.stream));
}

}  // namespace thalo::store
