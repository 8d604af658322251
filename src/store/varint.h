// Numbers as bytes: LEB128 varints and fixed-width big- and little-endian ones, as docs/format.md uses them.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace thalo::store {

inline constexpr std::size_t varint_size_bytes_max = 10;

// Writes at `out`, which has room for varint_size_bytes_max; returns the end.
inline char* put_varint(char* out, std::uint64_t value) {
  while (value >= 0x80) {
    *out++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *out++ = static_cast<char>(value);
  return out;
}

inline void append_varint(std::string& out, std::uint64_t value) {
  char buffer[varint_size_bytes_max];
  out.append(buffer, put_varint(buffer, value));
}

// Takes a number from the front of `in`; false when it ends early or has more than 64 bits.
inline bool take_varint(std::string_view& in, std::uint64_t& value) {
  value = 0;
  for (unsigned index = 0; index < varint_size_bytes_max && index < in.size(); ++index) {
    const auto byte = static_cast<std::uint8_t>(in[index]);
    if (index == varint_size_bytes_max - 1 && byte > 1) return false;
    value |= static_cast<std::uint64_t>(byte & 0x7f) << (7 * index);
    if (byte < 0x80) {
      in.remove_prefix(index + 1);
      return true;
    }
  }
  return false;
}

inline void append_text(std::string& out, std::string_view text) {
  append_varint(out, text.size());
  out.append(text);
}

// Takes a length and as many bytes from the front of `in`.
inline bool take_text(std::string_view& in, std::string_view& text) {
  std::uint64_t size = 0;
  if (!take_varint(in, size) || size > in.size()) return false;
  text = in.substr(0, size);
  in.remove_prefix(size);
  return true;
}

inline std::uint64_t swapped_if(std::endian wanted, std::uint64_t value) {
  return std::endian::native == wanted ? value : __builtin_bswap64(value);
}

inline void put_fixed64(char* out, std::uint64_t value) {
  value = swapped_if(std::endian::little, value);
  std::memcpy(out, &value, sizeof value);
}

// Of the first 8 bytes; only when `in` has them.
inline std::uint64_t get_fixed64(std::string_view in) {
  std::uint64_t value = 0;
  std::memcpy(&value, in.substr(0, sizeof value).data(), sizeof value);
  return swapped_if(std::endian::little, value);
}

// Big-endian: sorts as the numbers do.
inline void put_big_endian64(char* out, std::uint64_t value) {
  value = swapped_if(std::endian::big, value);
  std::memcpy(out, &value, sizeof value);
}

// Of the first 8 bytes; only when `in` has them.
inline std::uint64_t get_big_endian64(std::string_view in) {
  std::uint64_t value = 0;
  std::memcpy(&value, in.substr(0, sizeof value).data(), sizeof value);
  return swapped_if(std::endian::big, value);
}

}  // namespace thalo::store
