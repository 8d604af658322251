#include "relay/webhook_signature.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>

namespace thalo::relay {
namespace {

constexpr std::size_t key_size_bytes_min = 16;

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

}  // namespace

base::Result<std::string> webhook_key(std::string_view file_content) {
  static constexpr std::string_view prefix = "whsec_";
  const std::size_t end = file_content.find_last_not_of(" \t\r\n");
  std::string_view text = file_content.substr(0, end == std::string_view::npos ? 0 : end + 1);
  std::string key(text);
  if (text.starts_with(prefix)) {
    text.remove_prefix(prefix.size());
    key.assign(text.size() / 4 * 3, '\0');
    const int decoded =
        EVP_DecodeBlock(reinterpret_cast<unsigned char*>(key.data()), bytes_of(text), static_cast<int>(text.size()));
    if (decoded < 0 || text.size() % 4 != 0)
      return base::fail(base::Code::invalid_argument, "what follows whsec_ is not base64");
    // The decoder counts the padding as bytes.
    const auto padding = std::min<std::size_t>(2, static_cast<std::size_t>(std::count(text.begin(), text.end(), '=')));
    key.resize(static_cast<std::size_t>(decoded) - padding);
  }
  if (key.size() < key_size_bytes_min)
    return base::fail(base::Code::invalid_argument, "the secret has fewer than 16 bytes");
  return key;
}

std::string webhook_signature(std::string_view key, std::string_view id, std::int64_t timestamp_seconds,
                              std::string_view body) {
  std::string signed_text(id);
  signed_text += '.';
  signed_text += std::to_string(timestamp_seconds);
  signed_text += '.';
  signed_text += body;
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned digest_size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(signed_text), signed_text.size(), digest,
       &digest_size);
  unsigned char base64[EVP_MAX_MD_SIZE * 2];
  const int size = EVP_EncodeBlock(base64, digest, static_cast<int>(digest_size));
  return "v1," + std::string(reinterpret_cast<const char*>(base64), static_cast<std::size_t>(size));
}

}  // namespace thalo::relay
