#include "base/json.h"

#include <simdjson.h>

#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

namespace thalo::base {
namespace {

constexpr std::size_t json_depth_max = simdjson::DEFAULT_MAX_DEPTH;

// A parser and a padded buffer per thread, kept between calls; a buffer that one large text has grown is given back.
struct Checker {
  explicit Checker(std::size_t levels_max) : depth_max(levels_max) {}

  static constexpr std::size_t kept_bytes_max = 1 << 20;
  const std::size_t depth_max;
  simdjson::dom::parser parser;
  std::unique_ptr<char[]> buffer;
  std::size_t capacity = 0;

  simdjson::error_code parse(std::string_view text) {
    const std::size_t needed = text.size() + simdjson::SIMDJSON_PADDING;
    if (capacity < needed) {
      capacity = needed < 4096 ? 4096 : needed;
      buffer.reset(new char[capacity]);
    }
    std::memcpy(buffer.get(), text.data(), text.size());
    std::memset(buffer.get() + text.size(), 0, simdjson::SIMDJSON_PADDING);
    if (parser.max_depth() != depth_max) {
      if (const auto error = parser.allocate(capacity, depth_max); error != simdjson::SUCCESS) return error;
    }
    const auto error = parser.parse(buffer.get(), text.size(), false).error();
    if (capacity > kept_bytes_max) {
      parser = simdjson::dom::parser();
      buffer.reset();
      capacity = 0;
    }
    return error;
  }
};

// Hears of the first syntax error and nothing else.
class ErrorFinder final : public nlohmann::json::json_sax_t {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return true; }
  bool key(string_t&) override { return true; }
  bool end_object() override { return true; }
  bool start_array(std::size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(std::size_t bytes_read, const std::string&, const nlohmann::detail::exception& error) override {
    number_too_large_ = error.id == 406;
    if (number_too_large_) return false;
    at_ = bytes_read == 0 ? 0 : bytes_read - 1;
    return false;
  }
  std::optional<std::size_t> at() const { return at_; }
  bool number_too_large() const { return number_too_large_; }

 private:
  std::optional<std::size_t> at_;
  bool number_too_large_ = false;
};

// simdjson does not say where the text stops being JSON, from 0, and has one word for a number that is too large and
// one that is none. No place where the two parsers disagree.
std::string what_is_wrong(std::string_view text, simdjson::error_code error) {
  ErrorFinder finder;
  const bool is_json = nlohmann::json::sax_parse(text, &finder);
  if (finder.number_too_large() || (is_json && error == simdjson::NUMBER_ERROR))
    return "not accepted: a number in it is out of range (integers go from -2^63 to 2^64-1, others to about 1.8e308)";
  return std::string("not valid JSON") + (finder.at() ? " at byte " + std::to_string(*finder.at()) : std::string()) +
         ": " + simdjson::error_message(error);
}

Result<> check(std::string_view text, Checker& checker) {
  if (const auto error = checker.parse(text); error != simdjson::SUCCESS)
    return fail(Code::invalid_argument, what_is_wrong(text, error));
  return {};
}

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
  thread_local Checker checker(json_depth_max);
  return check(text, checker);
}

bool is_utf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

namespace {

// Walks text that is known to be valid JSON: only where a value ends has to be found.
class Walker {
 public:
  explicit Walker(std::string_view text) : text_(text) {}

  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
      ++at_;
  }
  char next() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void step() { ++at_; }

  std::string_view key() {
    const std::size_t begin = at_;
    skip_string();
    return text_.substr(begin, at_ - begin);
  }

  std::string_view value() {
    const std::size_t begin = at_;
    int depth = 0;
    do {
      if (next() == '"') {
        skip_string();
        continue;
      }
      if (next() == '{' || next() == '[') ++depth;
      if (next() == '}' || next() == ']') --depth;
      ++at_;
    } while (at_ < text_.size() && (depth > 0 || !ends_value(next())));
    return text_.substr(begin, at_ - begin);
  }

 private:
  static bool ends_value(char c) {
    return c == ',' || c == '}' || c == ']' || c == ' ' || c == '\t' || c == '\n' || c == '\r';
  }
  void skip_string() {
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\') ++at_;
    }
    ++at_;
  }

  const std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

Result<std::vector<std::pair<std::string_view, std::string_view>>> json_members(std::string_view text) {
  thread_local Checker checker(json_depth_max + 1);
  if (auto valid = check(text, checker); !valid) return std::unexpected(valid.error());
  Walker walker(text);
  walker.skip_space();
  if (walker.next() != '{') return fail(Code::invalid_argument, "not a JSON object");
  walker.step();
  std::vector<std::pair<std::string_view, std::string_view>> members;
  for (walker.skip_space(); walker.next() != '}'; walker.skip_space()) {
    if (walker.next() == ',') walker.step();
    walker.skip_space();
    std::string_view key = walker.key();
    walker.skip_space();
    walker.step();  // the colon
    walker.skip_space();
    members.emplace_back(key.substr(1, key.size() - 2), walker.value());
  }
  return members;
}

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
