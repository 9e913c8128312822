#include "engine/gguf/content_id.h"

// The hash is compiled into this file alone, so that nothing has to be found at run time.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

namespace lemma {
namespace {

std::string hexOf(XXH128_hash_t hash) {
  XXH128_canonical_t digest;
  XXH128_canonicalFromHash(&digest, hash);
  std::string hex;
  for (const unsigned char byte : digest.digest) {
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return hex;
}

}  // namespace

std::string contentId(const GgufHeader& header, std::span<const std::byte> headerBytes) {
  const size_t size = size_t(std::min<uint64_t>(header.headerBytes, headerBytes.size()));
  XXH3_state_t state;
  XXH3_128bits_reset(&state);
  XXH3_128bits_update(&state, headerBytes.data(), size);
  XXH3_128bits_update(&state, &header.fileBytes, sizeof(header.fileBytes));
  return hexOf(XXH3_128bits_digest(&state));
}

std::string hashOf(std::string_view text) { return hexOf(XXH3_128bits(text.data(), text.size())); }

}  // namespace lemma
