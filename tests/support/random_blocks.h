// Random weights in a format: any bits whose values are finite and of a wished size, so that every bit
// of a block takes part in what tests compare. Pure functions of the generator; test code only.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/api/type.h"

namespace lemma::test {

// Whether a matrix may be of the type without scales beside it.
inline bool standsAlone(const TypeInfo& type) { return type.decode && type.type != Type::F4_E2M1; }

// Whether tests draw a format's blocks: there is nothing that writes them, or it searches too long.
inline bool drawsBlocks(const TypeInfo& type) { return !type.encode || type.block > 32; }

// `n` values to out; each block's largest lies within spread / 2 and 4 spread. next() gives random 32-bit numbers. Most
// random scales are far off, so only the first blocks are drawn until they fit; the rest are any of those.
template <class Next>
void randomBlocks(const TypeInfo& type, int64_t n, float spread, Next&& next, std::byte* out) {
  constexpr int64_t kDrawn = 32;
  const std::byte* const first = out;
  std::vector<float> values(static_cast<size_t>(type.block));
  for (int64_t i = 0; i < n / type.block; ++i, out += type.blockBytes) {
    if (i >= kDrawn) {
      std::copy_n(first + int64_t(next() % kDrawn) * type.blockBytes, type.blockBytes, out);
      continue;
    }
    float largest = 0;
    while (!(largest >= spread / 2 && largest <= spread * 4)) {
      for (int b = 0; b < type.blockBytes; ++b) out[b] = std::byte(next() >> 11);
      type.decode(out, values.data(), type.block);
      largest = 0;
      for (float v : values) largest = std::isfinite(v) ? std::max(largest, std::fabs(v)) : INFINITY;
    }
  }
}

}  // namespace lemma::test
