// Protobuf's wire format, as far as a load generator needs it: it writes the same few messages millions of times and
// looks at a few fields of the answers. Tests hold it to the generated classes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace thalo::load {

inline void append_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out += static_cast<char>(value | 0x80);
    value >>= 7;
  }
  out += static_cast<char>(value);
}

// A field that is a number; a bool too.
inline void append_number(std::string& out, unsigned field, std::uint64_t value) {
  append_varint(out, field << 3);
  append_varint(out, value);
}

// A field that is a string, bytes or a message.
inline void append_text(std::string& out, unsigned field, std::string_view text) {
  append_varint(out, field << 3 | 2);
  append_varint(out, text.size());
  out += text;
}

// Walks over the fields of a message.
//
//   FieldReader fields(message);
//   while (fields.next()) if (fields.number() == 2) use(fields.value());
//   if (fields.broken()) …
class FieldReader {
 public:
  explicit FieldReader(std::string_view message) : rest_(message) {}

  bool next() {
    if (rest_.empty() || broken_) return false;
    const std::uint64_t key = varint();
    number_ = static_cast<unsigned>(key >> 3);
    text_ = {};
    switch (key & 7) {
      case 0:
        value_ = varint();
        break;
      case 1:
        take(8);
        break;
      case 2:
        take(varint());
        break;
      case 5:
        take(4);
        break;
      default:
        broken_ = true;
    }
    return !broken_;
  }

  unsigned number() const { return number_; }
  std::uint64_t value() const { return value_; }   // of a number
  std::string_view text() const { return text_; }  // of a string, bytes or a message
  bool broken() const { return broken_; }

 private:
  std::uint64_t varint() {
    if (!rest_.empty() && static_cast<unsigned char>(rest_.front()) < 0x80) {  // most are one byte
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      return byte;
    }
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) return value;
    }
    broken_ = true;
    return 0;
  }

  void take(std::uint64_t size) {
    broken_ = broken_ || size > rest_.size();
    if (broken_) return;
    text_ = rest_.substr(0, size);
    rest_.remove_prefix(size);
  }

  std::string_view rest_;
  std::string_view text_;
  std::uint64_t value_ = 0;
  unsigned number_ = 0;
  bool broken_ = false;
};

}  // namespace thalo::load
