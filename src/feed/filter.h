// Which events a consumer wants.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "model/event.h"
#include "store/filter_matcher.h"
#include "store/store.h"

namespace thalo::feed {

// Events that match any of these; none: every event. One is enough but for clients of Thalo 0.8, who name pairs of
// category and type.
using Filter = std::vector<store::Filter>;

inline constexpr std::size_t filter_texts_max = 1000;
inline constexpr std::size_t filter_bytes_max = std::size_t{64} << 10;

// Whether a filter can be served: legal categories, streams and types, within the limits. INVALID_ARGUMENT names the
// field.
base::Result<> check_filter(const Filter& filter);

// The same filter for every order and repetition of its parts, so that two can be compared.
Filter normalized(Filter filter);

// Categories and streams that have no event so far: a slip of the pen, or still to come. Blocks on the disk.
std::vector<std::string> unseen_names(store::Store& store, const Filter& filter);

// One line for people: `category counter or bank, type Opened`; `everything`.
std::string describe(const Filter& filter);

}  // namespace thalo::feed
