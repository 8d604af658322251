// The JSON writer under json.h: appends compact JSON to a string.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>

#include "thalo/reflect.h"

namespace thalo::json {

// The size of the UTF-8 character that `text` begins with, or 0 when there is none.
inline std::size_t utf8_size(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const std::size_t size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (text.size() < size) return 0;
  for (std::size_t at = 1; at < size; ++at) {
    if ((byte(at) & 0xc0) != 0x80) return 0;
  }
  const unsigned second = byte(1);
  // Longer than need be, a surrogate, or past the last code point.
  if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) || (lead == 0xf0 && second < 0x90) ||
      (lead == 0xf4 && second > 0x8f)) {
    return 0;
  }
  return size;
}

// As printf's %.*g. std::to_chars does not depend on the locale; in WebAssembly it would bring 100 KB of tables, and
// there is but one locale.
inline void format_number(char* text, std::size_t size, int precision, double value) {
#if defined(__wasm__)
  std::snprintf(text, size, "%.*g", precision, value);
#else
  *std::to_chars(text, text + size - 1, value, std::chars_format::general, precision).ptr = '\0';
#endif
}

class Writer {
 public:
  // Appends to `out`, which must outlive the writer.
  explicit Writer(std::string& out) : out_(out) {}

  // Why a value has no JSON, e.g. "field `rate` is not a finite number"; empty when all was written.
  THALO_COLD std::string error() const {
    return problem_.empty() ? problem_ : (path_.empty() ? "the value" : "field `" + path_ + "`") + problem_;
  }
  THALO_COLD bool fail(std::string_view problem) {
    problem_ = problem;
    return false;
  }
  // Adds to the place of a failure, from the inside to the outside. Returns false.
  THALO_COLD bool within(std::string_view field) {
    const bool dot = !path_.empty() && path_.front() != '[';
    path_ = std::string(field) + (dot ? "." : "") + path_;
    return false;
  }
  THALO_COLD bool within(std::size_t index) { return within("[" + std::to_string(index) + "]"); }

  void write(char c) { out_ += c; }
  void write(std::string_view json) { out_ += json; }
  void write_integer(std::int64_t value) { write_digits(value); }
  void write_unsigned(std::uint64_t value) { write_digits(value); }
  template <class Number>  // float or double: a short text that reads back as the same value
  bool write_number(Number value);
  bool write_string(std::string_view text);

 private:
  template <class Integer>
  void write_digits(Integer value) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    out_.append(digits, static_cast<std::size_t>(end - digits));
  }

  std::string& out_;
  std::string problem_;
  std::string path_;
};

template <class Number>
bool Writer::write_number(Number value) {
  if (value - value != 0) return fail(" is not a finite number");
  char digits[32];
  // What people write has at most `digits10` digits and comes back as they wrote it; the rest needs up to two more.
  for (int precision = std::numeric_limits<Number>::digits10; precision <= std::numeric_limits<Number>::max_digits10;
       ++precision) {
    format_number(digits, sizeof digits, precision, value);
    if (static_cast<Number>(std::strtod(digits, nullptr)) == value) break;
  }
  out_ += digits;
  return true;
}

inline bool Writer::write_string(std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  out_ += '"';
  std::size_t plain = 0;  // where the stretch that needs no escape begins
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte >= 0x80) {
      const std::size_t size = utf8_size(text.substr(at));
      if (size == 0) return fail(" is not valid UTF-8");
      at += size;
      continue;
    }
    if (byte >= 0x20 && byte != '"' && byte != '\\') {
      ++at;
      continue;
    }
    out_.append(text, plain, at - plain);
    plain = ++at;
    out_ += '\\';
    switch (byte) {
      case '"':
      case '\\':
        out_ += static_cast<char>(byte);
        break;
      case '\b':
        out_ += 'b';
        break;
      case '\f':
        out_ += 'f';
        break;
      case '\n':
        out_ += 'n';
        break;
      case '\r':
        out_ += 'r';
        break;
      case '\t':
        out_ += 't';
        break;
      default:
        out_ += "u00";
        out_ += hex[byte >> 4];
        out_ += hex[byte & 15];
    }
  }
  out_.append(text, plain);
  out_ += '"';
  return true;
}

}  // namespace thalo::json
