// Protobuf's wire format for the few messages that are written so often that the generated classes, which allocate
// memory for each of their parts, would cost more than the rest. Tests hold those to the generated classes.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace thalo::rpc {

// Tags of fields up to 15 are one byte.
constexpr char number_tag(unsigned field) { return static_cast<char>(field << 3); }
constexpr char text_tag(unsigned field) { return static_cast<char>(field << 3 | 2); }

constexpr std::size_t varint_size(std::uint64_t value) {
  return (static_cast<std::size_t>(std::bit_width(value | 1)) + 6) / 7;
}

// What stands before a text or a message of so many bytes.
constexpr std::size_t head_size(std::size_t size) { return 1 + varint_size(size); }

// What is absent when it is empty or zero, as protobuf 3 has it.
constexpr std::size_t number_size(std::uint64_t value) { return value == 0 ? 0 : 1 + varint_size(value); }
constexpr std::size_t text_size(std::string_view text) {
  return text.empty() ? 0 : head_size(text.size()) + text.size();
}

// Writes fields to where there is room for them.
class FieldWriter {
 public:
  explicit FieldWriter(char* to) : to_(to) {}
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) *to_++ = static_cast<char>(value | 0x80);
    *to_++ = static_cast<char>(value);
  }
  void head(unsigned field, std::size_t size) {
    *to_++ = text_tag(field);
    varint(size);
  }
  void number(unsigned field, std::uint64_t value) {
    if (value == 0) return;
    *to_++ = number_tag(field);
    varint(value);
  }
  void text(unsigned field, std::string_view text) {
    if (text.empty()) return;
    head(field, text.size());
    std::memcpy(to_, text.data(), text.size());
    to_ += text.size();
  }

 private:
  char* to_;
};

}  // namespace thalo::rpc
