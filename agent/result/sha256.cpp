#include "agent/result/sha256.hpp"

// The hash itself: by way of EVP libcrypto first makes tables of all its algorithms' names and of its errors' texts, a
// millisecond at each start.
#define OPENSSL_API_COMPAT 10100
#include <openssl/sha.h>

#include <array>

namespace sampan {

std::string sha256_hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256_CTX state;
  SHA256_Init(&state);
  SHA256_Update(&state, bytes.data(), bytes.size());
  SHA256_Final(digest.data(), &state);
  std::string hex;
  for (const unsigned char byte : digest) (hex += kDigits[byte >> 4]) += kDigits[byte & 15];
  return hex;
}

}  // namespace sampan
