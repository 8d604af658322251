// The JSON check at the edges: what a client sends and what a guest returns is checked once, stored as given, never
// re-formatted.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace thalo::base {

// Whether `text` is one complete JSON value in valid UTF-8. INVALID_ARGUMENT says what is wrong. Any thread; about 1
// GB/s.
Result<> check_json(std::string_view text);

// Whether `text` is valid UTF-8 (RFC 3629). Any thread.
bool is_utf8(std::string_view text);

// The members of a JSON object, values as the text they are. INVALID_ARGUMENT when `text` is not one complete JSON
// object; each may be as deep as check_json() takes it. Views into `text`; keys as written, without their quotes.
Result<std::vector<std::pair<std::string_view, std::string_view>>> json_members(std::string_view text);

// `text` as a JSON string with its quotes. Invalid UTF-8 becomes U+FFFD.
std::string json_quote(std::string_view text);

}  // namespace thalo::base
