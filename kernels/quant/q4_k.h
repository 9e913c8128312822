// Q4_K: 256 values of 4 bits in 8 groups with scales and minima of 6 bits, and a half-precision factor for each of the
// two (GGUF). Pure functions, any thread.
#pragma once

#include <cstdint>

#include "kernels/quant/k_scales.h"

namespace lemma {

struct Q4_K {
  static constexpr int kBlock = 256;
  struct Block {
    Half scale;
    Half minimum;
    KScales groups;
    uint8_t q[kBlock / 2];  // byte 32p + j: value 64p + j in the low half, value 64p + 32 + j in the high half
  };
  static_assert(sizeof(Block) == 144, "GGUF layout");

  static LEMMA_INLINE float decode(const Block& b, int i) {
    const int group = i / 32;
    const int level = (b.q[group / 2 * 32 + i % 32] >> (group % 2 * 4)) & 15;
    const float scale = halfToFloat(b.scale) * float(b.groups.scale(group));
    return scale * float(level) - halfToFloat(b.minimum) * float(b.groups.minimum(group));
  }
};

}  // namespace lemma
