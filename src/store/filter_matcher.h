// A Filter made ready for matching millions of events.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "model/event.h"
#include "store/store.h"

namespace thalo::store {

// Immutable once made; any thread.
class FilterMatcher {
 public:
  // Copies what it needs; null matches everything.
  explicit FilterMatcher(const Filter* filter);
  bool matches(const model::EventView& event) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using Set = std::unordered_set<std::string, Hash, std::equal_to<>>;
  static bool accepts(const Set& set, std::string_view text) { return set.empty() || set.contains(text); }

  bool everything_;
  Set categories_;
  Set streams_;
  Set types_;
};

}  // namespace thalo::store
