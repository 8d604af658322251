#include "store/stream_hash.h"

#include <sodium.h>

#include <array>
#include <bit>
#include <cstdlib>

namespace thalo::store {
namespace {

using Key = std::array<unsigned char, crypto_shorthash_KEYBYTES>;

Key random_key() {
  if (::sodium_init() < 0) std::abort();  // there is no randomness on this machine
  Key key;
  ::crypto_shorthash_keygen(key.data());
  return key;
}

}  // namespace

std::uint64_t stream_hash(std::string_view stream) {
  static const Key key = random_key();
  std::array<unsigned char, crypto_shorthash_BYTES> hash;
  ::crypto_shorthash(hash.data(), reinterpret_cast<const unsigned char*>(stream.data()), stream.size(), key.data());
  return std::bit_cast<std::uint64_t>(hash);
}

}  // namespace thalo::store
