// The JSON reader under json.h: one pass over a text, straight into the caller's values, no tree, no exceptions.
//
// Every function that can fail returns false and leaves the reason in the reader; the callers on the way out add where
// it happened.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <string>
#include <string_view>

#include "thalo/reflect.h"

namespace thalo::json {

inline constexpr int depth_max = 128;

class Reader {
 public:
  // `text` must outlive the reader.
  explicit Reader(std::string_view text) : next_(text.data()), begin_(text.data()), end_(text.data() + text.size()) {}

  bool ok() const { return failure_ == Failure::none; }
  // One line for a person, e.g. "missing field `amount`" or "field `lines[2].amount`: expected an integer, got a
  // string".
  std::string error() const;
  // The same into `error`; returns false.
  THALO_COLD bool report(std::string& error) const {
    error = this->error();
    return false;
  }

  bool fail(std::string_view problem) { return fail(Failure::value, std::string(problem)); }
  bool fail(std::initializer_list<std::string_view> parts);
  bool fail_expected(std::string_view what) { return fail({"expected ", what, ", got ", kind_here()}); }
  bool fail_missing(std::string_view field) {
    fail(Failure::missing, "");
    return within(field);
  }
  // Adds to the place of a failure, from the inside to the outside. Returns false.
  bool within(std::string_view field);
  bool within(std::size_t index);

  // Takes `null` if that comes next.
  bool take_null() { return peek() == 'n' && take_word("null"); }
  bool read_boolean(bool& value);
  bool read_integer(bool& negative, std::uint64_t& magnitude);
  bool read_number(double& value);
  bool read_string(std::string& value);
  // Any value; `text` is its part of the input.
  bool read_raw(std::string_view& text);
  bool skip() {
    std::string_view ignored;
    return read_raw(ignored);
  }

  // for (bool first = true; reader.next_key(first, key);) …value…; then ok() tells the end from a failure. `key` lives
  // until the next call.
  bool begin_object() { return begin('{', "an object"); }
  bool next_key(bool& first, std::string_view& key);
  bool begin_array() { return begin('[', "an array"); }
  bool next_item(bool& first) { return next(first, ']'); }

  // Nothing but white space may follow.
  bool finish();

  // What comes next, for messages: "a string", "null", …
  std::string_view kind_here();

 private:
  enum class Failure : std::uint8_t { none, syntax, missing, value };

  bool fail(Failure failure, std::string problem);
  bool fail_syntax(std::string_view problem);
  char peek();
  bool take_word(std::string_view word);
  bool begin(char open, std::string_view what);
  bool next(bool& first, char close);
  bool take_number(std::string_view& token);
  bool take_digits();
  bool take_string(std::string_view& raw, bool& escaped);
  bool unescape(std::string_view raw, std::string& value);
  bool unescape_unicode(std::string_view raw, std::size_t& at, std::string& value);
  bool skip_container(bool object);

  const char* next_;
  const char* begin_;
  const char* end_;
  int depth_ = 0;
  Failure failure_ = Failure::none;
  std::string problem_;
  std::string path_;
  std::string key_;  // of the last key that had escapes
};

// Appends a code point as UTF-8.
inline void append_utf8(std::string& text, std::uint32_t code) {
  if (code < 0x80) {
    text += static_cast<char>(code);
    return;
  }
  if (code < 0x800) {
    text += static_cast<char>(0xc0 | (code >> 6));
  } else {
    if (code < 0x10000) {
      text += static_cast<char>(0xe0 | (code >> 12));
    } else {
      text += static_cast<char>(0xf0 | (code >> 18));
      text += static_cast<char>(0x80 | ((code >> 12) & 0x3f));
    }
    text += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
  }
  text += static_cast<char>(0x80 | (code & 0x3f));
}

// ---- failures ----

THALO_COLD inline std::string Reader::error() const {
  switch (failure_) {
    case Failure::none:
      return {};
    case Failure::syntax:
      return "not valid JSON: " + problem_;
    case Failure::missing:
      return "missing field `" + path_ + "`";
    case Failure::value:
      break;
  }
  return path_.empty() ? problem_ : "field `" + path_ + "`: " + problem_;
}

THALO_COLD inline bool Reader::fail(Failure failure, std::string problem) {
  if (failure_ == Failure::none) {
    failure_ = failure;
    problem_ = std::move(problem);
  }
  return false;
}

THALO_COLD inline bool Reader::fail_syntax(std::string_view problem) {
  return fail(Failure::syntax, std::string(problem) + " at byte " + std::to_string(next_ - begin_));
}

THALO_COLD inline bool Reader::within(std::string_view field) {
  if (path_.empty()) {
    path_ = field;
  } else if (path_.front() == '[') {
    path_.insert(0, field);
  } else {
    path_ = std::string(field) + "." + path_;
  }
  return false;
}

THALO_COLD inline bool Reader::within(std::size_t index) {
  const bool dot = !path_.empty() && path_.front() != '[';
  path_ = "[" + std::to_string(index) + "]" + (dot ? "." : "") + path_;
  return false;
}

THALO_COLD inline std::string_view Reader::kind_here() {
  switch (peek()) {
    case '"':
      return "a string";
    case '{':
      return "an object";
    case '[':
      return "an array";
    case 't':
    case 'f':
      return "a boolean";
    case 'n':
      return "null";
    case '\0':
      return "nothing";
    default:
      return "a number";
  }
}

THALO_COLD inline bool Reader::fail(std::initializer_list<std::string_view> parts) {
  std::string problem;
  for (const std::string_view part : parts) problem += part;
  return fail(Failure::value, std::move(problem));
}

// ---- tokens ----

inline char Reader::peek() {
  while (next_ != end_ && (*next_ == ' ' || *next_ == '\n' || *next_ == '\t' || *next_ == '\r')) ++next_;
  return next_ == end_ ? '\0' : *next_;
}

inline bool Reader::take_word(std::string_view word) {
  if (std::string_view(next_, static_cast<std::size_t>(end_ - next_)).starts_with(word)) {
    next_ += word.size();
    return true;
  }
  return fail_syntax("unknown word");
}

inline bool Reader::finish() {
  return peek() == '\0' && next_ == end_ ? true : fail_syntax("unexpected text after the value");
}

inline bool Reader::read_boolean(bool& value) {
  const char first = peek();
  if (first != 't' && first != 'f') return fail_expected("true or false");
  value = first == 't';
  return take_word(value ? "true" : "false");
}

inline bool Reader::take_digits() {
  const char* start = next_;
  while (next_ != end_ && *next_ >= '0' && *next_ <= '9') ++next_;
  return next_ != start || fail_syntax("a digit is missing");
}

inline bool Reader::take_number(std::string_view& token) {
  const char first = peek();
  if (first != '-' && (first < '0' || first > '9')) return fail_expected("a number");
  const char* start = next_;
  if (first == '-') ++next_;
  if (next_ != end_ && *next_ == '0') {
    ++next_;
  } else if (!take_digits()) {
    return false;
  }
  if (next_ != end_ && *next_ == '.') {
    ++next_;
    if (!take_digits()) return false;
  }
  if (next_ != end_ && (*next_ == 'e' || *next_ == 'E')) {
    ++next_;
    if (next_ != end_ && (*next_ == '+' || *next_ == '-')) ++next_;
    if (!take_digits()) return false;
  }
  token = std::string_view(start, static_cast<std::size_t>(next_ - start));
  return true;
}

inline bool Reader::read_integer(bool& negative, std::uint64_t& magnitude) {
  const char first = peek();
  if (first != '-' && (first < '0' || first > '9')) return fail_expected("an integer");
  std::string_view token;
  if (!take_number(token)) return false;
  negative = token.front() == '-';
  magnitude = 0;
  for (const char c : token.substr(negative ? 1 : 0)) {
    if (c < '0' || c > '9') return fail({"expected an integer, got ", token});
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (magnitude > (UINT64_MAX - digit) / 10) return fail({token, " does not fit into 64 bits"});
    magnitude = magnitude * 10 + digit;
  }
  return true;
}

inline bool Reader::read_number(double& value) {
  std::string_view token;
  if (!take_number(token)) return false;
#if defined(__cpp_lib_to_chars)
  const bool exact = std::from_chars(token.data(), token.data() + token.size(), value).ec == std::errc();
#else
  const bool exact = false;  // libc++ reads no floating point numbers with from_chars yet
#endif
  if (!exact) value = std::strtod(std::string(token).c_str(), nullptr);  // knows which end of the range was passed
  if (value - value != 0) return fail({token, " is too large"});
  return true;
}

// ---- strings ----

inline bool Reader::take_string(std::string_view& raw, bool& escaped) {
  const char* start = ++next_;
  escaped = false;
  for (; next_ != end_; ++next_) {
    const char c = *next_;
    if (c == '"') {
      raw = std::string_view(start, static_cast<std::size_t>(next_ - start));
      ++next_;
      return true;
    }
    if (static_cast<unsigned char>(c) < 0x20) return fail_syntax("a control character in a string");
    if (c == '\\') {
      escaped = true;
      if (++next_ == end_) break;
    }
  }
  return fail_syntax("a string without an end");
}

inline bool Reader::read_string(std::string& value) {
  if (peek() != '"') return fail_expected("a string");
  std::string_view raw;
  bool escaped = false;
  if (!take_string(raw, escaped)) return false;
  if (escaped) return unescape(raw, value);
  value.assign(raw);
  return true;
}

inline bool Reader::unescape(std::string_view raw, std::string& value) {
  value.clear();
  for (std::size_t at = 0; at < raw.size();) {
    if (raw[at] != '\\') {
      value += raw[at++];
      continue;
    }
    const char kind = raw[at + 1];
    at += 2;
    switch (kind) {
      case '"':
      case '\\':
      case '/':
        value += kind;
        break;
      case 'b':
        value += '\b';
        break;
      case 'f':
        value += '\f';
        break;
      case 'n':
        value += '\n';
        break;
      case 'r':
        value += '\r';
        break;
      case 't':
        value += '\t';
        break;
      case 'u':
        if (!unescape_unicode(raw, at, value)) return false;
        break;
      default:
        return fail_syntax("an unknown escape in the string before");
    }
  }
  return true;
}

inline bool Reader::unescape_unicode(std::string_view raw, std::size_t& at, std::string& value) {
  const auto unit = [&](std::uint32_t& out) {
    if (raw.size() - at < 4) return false;
    const auto [end, error] = std::from_chars(raw.data() + at, raw.data() + at + 4, out, 16);
    if (error != std::errc() || end != raw.data() + at + 4) return false;
    at += 4;
    return true;
  };
  std::uint32_t code = 0;
  if (!unit(code)) return fail_syntax("\\u without four hexadecimal digits in the string before");
  if (code >= 0xd800 && code < 0xe000) {
    std::uint32_t low = 0;
    const bool pair = code < 0xdc00 && raw.substr(at).starts_with("\\u");
    if (pair) at += 2;
    if (!pair || !unit(low) || low < 0xdc00 || low >= 0xe000) {
      return fail_syntax("half of a surrogate pair in the string before");
    }
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  }
  append_utf8(value, code);
  return true;
}

// ---- objects and arrays ----

inline bool Reader::begin(char open, std::string_view what) {
  if (peek() != open) return fail_expected(what);
  if (++depth_ > depth_max) return fail({"nested deeper than ", std::to_string(depth_max)});
  ++next_;
  return true;
}

inline bool Reader::next(bool& first, char close) {
  const char c = peek();
  if (c == close) {
    ++next_;
    --depth_;
    return false;
  }
  if (!first) {
    if (c != ',') return fail_syntax(close == ']' ? "expected `,` or `]`" : "expected `,` or `}`");
    ++next_;
  }
  first = false;
  return true;
}

inline bool Reader::next_key(bool& first, std::string_view& key) {
  if (!ok() || !next(first, '}')) return false;
  if (peek() != '"') return fail_syntax("expected a name in double quotes");
  bool escaped = false;
  if (!take_string(key, escaped)) return false;
  if (escaped) {
    if (!unescape(key, key_)) return false;
    key = key_;
  }
  if (peek() != ':') return fail_syntax("expected `:`");
  ++next_;
  return true;
}

inline bool Reader::skip_container(bool object) {
  if (!(object ? begin_object() : begin_array())) return false;
  std::string_view key;
  bool first = true;
  while (object ? next_key(first, key) : next_item(first)) {
    if (!skip()) return false;
  }
  return ok();
}

inline bool Reader::read_raw(std::string_view& text) {
  const char first = peek();
  const char* start = next_;
  bool taken = false;
  std::string_view token;
  switch (first) {
    case '{':
    case '[':
      taken = skip_container(first == '{');
      break;
    case '"': {
      bool escaped = false;
      std::string unescaped;
      taken = take_string(token, escaped) && (!escaped || unescape(token, unescaped));
      break;
    }
    case 't':
      taken = take_word("true");
      break;
    case 'f':
      taken = take_word("false");
      break;
    case 'n':
      taken = take_word("null");
      break;
    case '\0':
      taken = fail_syntax("a value is missing");
      break;
    default:
      if (first != '-' && (first < '0' || first > '9')) return fail_syntax("unexpected character");
      taken = take_number(token);
  }
  text = std::string_view(start, static_cast<std::size_t>(next_ - start));
  return taken;
}

}  // namespace thalo::json
