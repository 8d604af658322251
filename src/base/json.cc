#include "base/json.h"

#include <simdjson.h>

#include <cstring>
#include <memory>

namespace thalo::base {
namespace {

// A parser and a padded buffer per thread, kept between calls; a buffer that one large text has grown is given back.
struct Checker {
  static constexpr std::size_t kept_bytes_max = 1 << 20;
  simdjson::dom::parser parser;
  std::unique_ptr<char[]> buffer;
  std::size_t capacity = 0;

  simdjson::error_code check(std::string_view text) {
    const std::size_t needed = text.size() + simdjson::SIMDJSON_PADDING;
    if (capacity < needed) {
      capacity = needed < 4096 ? 4096 : needed;
      buffer.reset(new char[capacity]);
    }
    std::memcpy(buffer.get(), text.data(), text.size());
    std::memset(buffer.get() + text.size(), 0, simdjson::SIMDJSON_PADDING);
    const auto error = parser.parse(buffer.get(), text.size(), false).error();
    if (capacity > kept_bytes_max) {
      parser = simdjson::dom::parser();
      buffer.reset();
      capacity = 0;
    }
    return error;
  }
};

std::size_t utf8_length(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  const std::size_t length = lead < 0x80   ? 1
                             : lead < 0xc0 ? 0
                             : lead < 0xe0 ? 2
                             : lead < 0xf0 ? 3
                             : lead < 0xf8 ? 4
                                           : 0;
  if (length == 0 || at + length > text.size()) return 0;
  return simdjson::validate_utf8(text.data() + at, length) ? length : 0;
}

}  // namespace

Result<> check_json(std::string_view text) {
  thread_local Checker checker;
  if (const auto error = checker.check(text); error != simdjson::SUCCESS) {
    return fail(Code::invalid_argument, std::string("not valid JSON: ") + simdjson::error_message(error));
  }
  return {};
}

bool is_utf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

std::string json_quote(std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  std::string out = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte == '"' || byte == '\\') {
      out += '\\';
      out += text[at++];
    } else if (byte < 0x20) {
      out += "\\u00";
      out += hex[byte >> 4];
      out += hex[byte & 15];
      ++at;
    } else if (const std::size_t length = utf8_length(text, at); length > 0) {
      out += text.substr(at, length);
      at += length;
    } else {
      out += "\xef\xbf\xbd";
      ++at;
    }
  }
  out += '"';
  return out;
}

}  // namespace thalo::base
