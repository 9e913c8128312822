#include "engine/model_file/content_id.h"

// The hash is compiled into this file alone, so that nothing has to be found at run time.
#define XXH_INLINE_ALL
#include <xxhash.h>

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

std::string contentId(const std::vector<ContentPart>& parts) {
  XXH3_state_t state;
  XXH3_128bits_reset(&state);
  for (const ContentPart& part : parts) {
    XXH3_128bits_update(&state, part.header.data(), part.header.size());
    XXH3_128bits_update(&state, &part.fileBytes, sizeof(part.fileBytes));
  }
  return hexOf(XXH3_128bits_digest(&state));
}

std::string hashOf(std::string_view text) { return hexOf(XXH3_128bits(text.data(), text.size())); }

}  // namespace lemma
