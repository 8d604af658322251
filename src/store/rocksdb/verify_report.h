// Where the parts of a check put what they find.
#pragma once

#include <string>
#include <utility>

#include "store/verify.h"

namespace thalo::store {

class VerifyReport {
 public:
  // The observer must outlive it.
  explicit VerifyReport(VerifyObserver& observer) : observer_(observer) {}

  void add(Violation violation) {
    ++summary.violations;
    observer_.on_violation(violation);
  }
  void add(int invariant, std::string what) { add(Violation{.invariant = invariant, .what = std::move(what)}); }
  void progress(std::string_view what, std::uint64_t done, std::uint64_t total) {
    observer_.on_progress(what, done, total);
  }

  VerifySummary summary;

 private:
  VerifyObserver& observer_;
};

// The database's part of what is checked: a checksum that does not fit, a file that is missing.
inline constexpr int intact_files = 12;

}  // namespace thalo::store
