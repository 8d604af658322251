#include "model/event.h"

namespace thalo::model {

std::array<char, event_id_bytes> event_id_text(const StoreId& store, GlobalPosition position) {
  // The position is mixed into the low half; the high half stays the store's, with the UUID version and variant set.
  std::array<std::uint8_t, 16> bytes = store;
  std::uint64_t low = 0;
  for (int i = 8; i < 16; ++i) low = low << 8 | bytes[static_cast<std::size_t>(i)];
  low = ((low & 0x3fffffffffffffffULL) + position) & 0x3fffffffffffffffULL;  // distinct for 2^62 positions
  low |= 0x8000000000000000ULL;                                              // RFC 9562 variant
  for (int i = 15; i >= 8; --i, low >>= 8) bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(low);
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | 0x80);

  static constexpr char hex[] = "0123456789abcdef";
  std::array<char, event_id_bytes> out;
  char* to = out.data();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *to++ = '-';
    *to++ = hex[bytes[i] >> 4];
    *to++ = hex[bytes[i] & 15];
  }
  return out;
}

std::string event_id(const StoreId& store, GlobalPosition position) {
  const auto text = event_id_text(store, position);
  return {text.data(), text.size()};
}

}  // namespace thalo::model
