#include "model/event.h"

#include <cstring>

namespace thalo::model {
namespace {

// Both digits of every byte.
constexpr auto hex_pairs = [] {
  constexpr char digits[] = "0123456789abcdef";
  std::array<char, 512> out{};
  for (std::size_t byte = 0; byte < 256; ++byte) {
    out[2 * byte] = digits[byte >> 4];
    out[2 * byte + 1] = digits[byte & 15];
  }
  return out;
}();

}  // namespace

std::array<char, event_id_bytes> event_id_text(const StoreId& store, GlobalPosition position) {
  // The position is mixed into the low half; the high half stays the store's, with the UUID version and variant set.
  std::array<std::uint8_t, 16> bytes = store;
  std::uint64_t low = 0;
  for (int i = 8; i < 16; ++i) low = low << 8 | bytes[static_cast<std::size_t>(i)];
  low = ((low & 0x3fffffffffffffffULL) + position) & 0x3fffffffffffffffULL;  // distinct for 2^62 positions
  low |= 0x8000000000000000ULL;                                              // RFC 9562 variant
  for (int i = 15; i >= 8; --i, low >>= 8) bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(low);
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | 0x80);

  std::array<char, event_id_bytes> out;
  char* to = out.data();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *to++ = '-';
    std::memcpy(to, &hex_pairs[std::size_t{bytes[i]} * 2], 2);
    to += 2;
  }
  return out;
}

std::string event_id(const StoreId& store, GlobalPosition position) {
  const auto text = event_id_text(store, position);
  return {text.data(), text.size()};
}

}  // namespace thalo::model
