// Numbers of things as people write them. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace thalo::base {

// "1 event", "2 events", "0 events". `plural` where an s behind `one` is not it, e.g. counted(2, "entity", "entities").
inline std::string counted(std::uint64_t number, std::string_view one, std::string_view plural = {}) {
  std::string text = std::to_string(number) + ' ';
  if (number == 1) return text.append(one);
  return plural.empty() ? text.append(one) + 's' : text.append(plural);
}

}  // namespace thalo::base
