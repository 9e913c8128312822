// Q5_K: Q4_K with a fifth bit: bit g of byte j of `high` belongs to value 32g + j (GGUF).
// Pure functions, any thread.
#pragma once

#include <cstdint>

#include "kernels/quant/k_scales.h"

namespace lemma {

struct Q5_K {
  static constexpr int kBlock = 256;
  struct Block {
    Half scale;
    Half minimum;
    KScales groups;
    uint8_t high[kBlock / 8];
    uint8_t low[kBlock / 2];
  };
  static_assert(sizeof(Block) == 176, "GGUF layout");

  static LEMMA_INLINE float decode(const Block& b, int i) {
    const int group = i / 32;
    const int low = (b.low[group / 2 * 32 + i % 32] >> (group % 2 * 4)) & 15;
    const int high = (b.high[i % 32] >> group) & 1;
    const float scale = halfToFloat(b.scale) * float(b.groups.scale(group));
    return scale * float(low | high << 4) - halfToFloat(b.minimum) * float(b.groups.minimum(group));
  }
};

}  // namespace lemma
