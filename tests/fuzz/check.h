// A promise that a fuzz target checks.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace thalo::fuzz {

inline void check(bool kept, const char* promise) {
  if (kept) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

}  // namespace thalo::fuzz
