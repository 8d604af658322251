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
  explicit FieldReader(std::string_view message) : at_(message.data()), end_(message.data() + message.size()) {}

  // Inline: subscribers look at millions of events a second.
  [[gnu::always_inline]] bool next() {
    if (at_ == end_ || broken_) return false;
    const std::uint64_t key = varint();
    number_ = static_cast<unsigned>(key >> 3);
    if ((key & 7) == 2) {
      take(varint());
    } else {
      text_ = {};
      if ((key & 7) == 0) {
        value_ = varint();
      } else if ((key & 7) == 1) {
        take(8);
      } else if ((key & 7) == 5) {
        take(4);
      } else {
        broken_ = true;
      }
    }
    return !broken_;
  }

  unsigned number() const { return number_; }
  std::uint64_t value() const { return value_; }   // of a number
  std::string_view text() const { return text_; }  // of a string, bytes or a message
  bool broken() const { return broken_; }

 private:
  [[gnu::always_inline]] std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && at_ != end_; shift += 7) {
      const auto byte = static_cast<unsigned char>(*at_++);
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) return value;
    }
    broken_ = true;
    return 0;
  }

  [[gnu::always_inline]] void take(std::uint64_t size) {
    broken_ = broken_ || size > static_cast<std::uint64_t>(end_ - at_);
    if (broken_) return;
    text_ = {at_, size};
    at_ += size;
  }

  const char* at_;
  const char* end_;
  std::string_view text_;
  std::uint64_t value_ = 0;
  unsigned number_ = 0;
  bool broken_ = false;
};

}  // namespace thalo::load
