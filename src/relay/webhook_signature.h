// Signs requests as the Standard Webhooks specification 1.0 says, so that receivers can use its libraries.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace thalo::relay {

// The key in a secret file: "whsec_" and base64, or the bytes themselves; white space at the end is dropped.
// INVALID_ARGUMENT when it is no base64 or shorter than 16 bytes.
base::Result<std::string> webhook_key(std::string_view file_content);

// The header `webhook-signature`: "v1," and the base64 of HMAC-SHA256 over "id.timestamp.body".
std::string webhook_signature(std::string_view key, std::string_view id, std::int64_t timestamp_seconds,
                              std::string_view body);

}  // namespace thalo::relay
