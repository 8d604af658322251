// For callers that have nothing else to do: tools, tests, benchmarks.
#pragma once

#include "store/store.h"

namespace thalo::store {

// Appends and blocks until the outcome is there. Not from a sink or a head-moved callback.
base::Result<Appended> append_and_wait(Store& store, Append append);

}  // namespace thalo::store
