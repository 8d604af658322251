// The URL of a relay's target, in its parts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace thalo::relay {

struct TargetUrl {
  std::string scheme;
  std::string user;      // percent-decoded; empty: none
  std::string password;  // percent-decoded; empty: none
  std::string host;      // without the brackets of an IPv6 address
  std::uint16_t port = 0;
  std::string path;  // from the first '/' on, query included; may be empty

  // INVALID_ARGUMENT says what is wrong, without the password. `schemes` are what is accepted; `default_port` is used
  // when the URL has none.
  static base::Result<TargetUrl> parse(std::string_view text, const std::vector<std::string_view>& schemes,
                                       std::uint16_t default_port);
};

// `url` for logs and lists: user name and password replaced by '***'.
std::string without_credentials(std::string_view url);

}  // namespace thalo::relay
