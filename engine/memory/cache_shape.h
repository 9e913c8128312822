// What a page of the cache is, and whose: pages of one shape may stand for each other, whoever wrote them. A value, any
// thread.
#pragma once

#include <cstdint>
#include <string>

namespace lemma {

struct CacheShape {
  std::string identity;  // 32 hexadecimal digits over the model and everything else that the bits depend on
  uint32_t type = 0;     // of the cache, as GGUF numbers it
  uint32_t layers = 0, headDim = 0, vDim = 0, kvHeads = 0;
  uint32_t pageTokens = 0;
  uint64_t pageBytes = 0;  // of all layers
  bool operator==(const CacheShape&) const = default;
};

}  // namespace lemma
