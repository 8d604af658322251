#include "relay/target_url.h"

#include <algorithm>
#include <charconv>

namespace thalo::relay {
namespace {

base::Result<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    unsigned value = 0;
    const std::string_view digits = text.substr(i + 1, 2);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (digits.size() != 2 || error != std::errc() || end != digits.data() + 2)
      return base::fail(base::Code::invalid_argument, "the user name or password has a '%' without two hex digits");
    out += static_cast<char>(value);
    i += 2;
  }
  return out;
}

std::unexpected<base::Error> refused(std::string_view url, const std::string& why) {
  return base::fail(base::Code::invalid_argument, "'" + without_credentials(url) + "' " + why);
}

std::string joined(const std::vector<std::string_view>& schemes) {
  std::string out;
  for (const std::string_view scheme : schemes) out += (out.empty() ? "" : ", ") + std::string(scheme) + "://";
  return out;
}

// Splits "host:port" or "[v6]:port" into `url`.
base::Result<> read_host(std::string_view text, std::string_view url_text, TargetUrl& url) {
  std::string_view port;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return refused(url_text, "has a '[' without its ']'");
    url.host = text.substr(1, end - 1);
    const std::string_view rest = text.substr(end + 1);
    if (!rest.empty() && !rest.starts_with(':')) return refused(url_text, "has text between ']' and the port");
    port = rest.substr(std::min<std::size_t>(1, rest.size()));
    if (!rest.empty() && port.empty()) return refused(url_text, "has a ':' without a port");
  } else {
    const auto colon = text.rfind(':');
    url.host = text.substr(0, colon);
    if (colon != std::string_view::npos) {
      port = text.substr(colon + 1);
      if (port.empty()) return refused(url_text, "has a ':' without a port");
    }
  }
  if (url.host.empty()) return refused(url_text, "has no host");
  if (port.empty()) return {};
  unsigned value = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), value);
  if (error != std::errc() || end != port.data() + port.size() || value == 0 || value > 65535)
    return refused(url_text, "has a port that is not a number from 1 to 65535");
  url.port = static_cast<std::uint16_t>(value);
  return {};
}

}  // namespace

base::Result<TargetUrl> TargetUrl::parse(std::string_view text, const std::vector<std::string_view>& schemes,
                                         std::uint16_t default_port) {
  const auto colon = text.find("://");
  if (colon == std::string_view::npos) return refused(text, "is no URL; it must begin with " + joined(schemes));
  TargetUrl url;
  url.scheme = text.substr(0, colon);
  url.port = default_port;
  if (std::find(schemes.begin(), schemes.end(), url.scheme) == schemes.end())
    return refused(text, "must begin with " + joined(schemes));
  if (std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; }))
    return refused(text, "has white space or a control character");
  const std::string_view rest = text.substr(colon + 3);
  const std::size_t slash = std::min(rest.find_first_of("/?#"), rest.size());
  std::string_view authority = rest.substr(0, slash);
  url.path = rest.substr(slash);
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    const std::string_view credentials = authority.substr(0, at);
    const std::size_t separator = std::min(credentials.find(':'), credentials.size());
    auto user = percent_decoded(credentials.substr(0, separator));
    auto password = percent_decoded(credentials.substr(std::min(separator + 1, credentials.size())));
    if (!user || !password) return refused(text, (user ? password : user).error().message);
    url.user = *std::move(user);
    url.password = *std::move(password);
    authority.remove_prefix(at + 1);
  }
  if (auto read = read_host(authority, text, url); !read) return std::unexpected(read.error());
  return url;
}

std::string without_credentials(std::string_view url) {
  const auto colon = url.find("://");
  const std::size_t begin = colon == std::string_view::npos ? 0 : colon + 3;
  // A password may stand here unencoded, with any character; rather hide too much than too little.
  const auto at = url.rfind('@');
  if (at == std::string_view::npos || at < begin) return std::string(url);
  return std::string(url.substr(0, begin)) + "***" + std::string(url.substr(at));
}

}  // namespace thalo::relay
