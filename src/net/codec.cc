#include "net/codec.h"

#include <array>
#include <cstdint>

namespace thalo::net {

namespace {

constexpr std::string_view base64_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view hex_digits = "0123456789ABCDEF";
constexpr std::uint8_t not_a_digit = 0xff;

constexpr std::array<std::uint8_t, 256> base64_values = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(not_a_digit);
  for (std::size_t value = 0; value < base64_digits.size(); ++value) {
    values[static_cast<unsigned char>(base64_digits[value])] = static_cast<std::uint8_t>(value);
  }
  return values;
}();

std::optional<std::chrono::nanoseconds> unit_of(char letter) {
  using namespace std::chrono_literals;
  switch (letter) {
    case 'H':
      return 1h;
    case 'M':
      return 1min;
    case 'S':
      return 1s;
    case 'm':
      return 1ms;
    case 'u':
      return 1us;
    case 'n':
      return 1ns;
    default:
      return std::nullopt;
  }
}

// The bytes of the UTF-8 character that starts at `byte`; 1 for what starts none.
std::size_t character_size(unsigned char byte) {
  if (byte >= 0xf0) return 4;
  if (byte >= 0xe0) return 3;
  if (byte >= 0xc0) return 2;
  return 1;
}

}  // namespace

std::optional<std::chrono::nanoseconds> parse_timeout(std::string_view text) {
  if (text.size() < 2 || text.size() > 9) return std::nullopt;
  std::int64_t number = 0;
  for (const char digit : text.substr(0, text.size() - 1)) {
    if (digit < '0' || digit > '9') return std::nullopt;
    number = number * 10 + (digit - '0');
  }
  const auto unit = unit_of(text.back());
  if (!unit) return std::nullopt;
  // 99,999,999 hours do not fit in 64 bits of nanoseconds; what is longer than a century is as good as that.
  constexpr std::chrono::nanoseconds longest = std::chrono::hours(24 * 36525);
  if (number > longest.count() / unit->count()) return longest;
  return *unit * number;
}

void append_percent_encoded(std::string& out, std::string_view message, std::size_t size_bytes_max) {
  const std::size_t start = out.size();
  std::size_t position = 0;
  while (position < message.size()) {
    const std::size_t whole = out.size();
    const std::size_t end =
        std::min(message.size(), position + character_size(static_cast<unsigned char>(message[position])));
    for (; position < end; ++position) {
      const auto byte = static_cast<unsigned char>(message[position]);
      if (byte >= ' ' && byte <= '~' && byte != '%') {
        out += static_cast<char>(byte);
      } else {
        out += '%';
        out += hex_digits[byte >> 4];
        out += hex_digits[byte & 15];
      }
    }
    if (out.size() - start > size_bytes_max) {
      out.resize(whole);
      return;
    }
  }
}

void append_base64(std::string& out, std::string_view bytes) {
  std::uint32_t bits = 0;
  int count = 0;
  for (const char byte : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(byte);
    count += 8;
    while (count >= 6) {
      count -= 6;
      out += base64_digits[bits >> count & 63];
    }
  }
  if (count > 0) out += base64_digits[bits << (6 - count) & 63];
}

bool append_base64_decoded(std::string& out, std::string_view text) {
  const std::size_t start = out.size();
  if (text.size() % 4 == 0) {
    for (int padding = 0; padding < 2 && text.ends_with('='); ++padding) text.remove_suffix(1);
  }
  if (text.size() % 4 == 1) return false;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char digit : text) {
    const std::uint8_t value = base64_values[static_cast<unsigned char>(digit)];
    if (value == not_a_digit) {
      out.resize(start);
      return false;
    }
    bits = bits << 6 | value;
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>(bits >> count & 0xff);
    }
  }
  return true;
}

}  // namespace thalo::net
