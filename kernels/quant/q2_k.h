// Q2_K: 256 values of 2 bits in 16 groups; each group has a scale (low half) and a minimum (high half) of 4 bits, the
// block a half-precision factor for each of the two (GGUF). Pure functions, any thread.
#pragma once

#include <cstdint>

#include "kernels/quant/half.h"

namespace lemma {

struct Q2_K {
  static constexpr int kBlock = 256;
  struct Block {
    uint8_t scales[kBlock / 16];
    uint8_t q[kBlock / 4];  // byte 32h + j: values j, j + 32, j + 64, j + 96 of half h, lowest bits first
    Half scale;
    Half minimum;
  };
  static_assert(sizeof(Block) == 84, "GGUF layout");

  static LEMMA_INLINE float decode(const Block& b, int i) {
    const int half = i / 128, within = i % 128;
    const int level = (b.q[half * 32 + within % 32] >> (within / 32 * 2)) & 3;
    const int group = b.scales[i / 16];
    return halfToFloat(b.scale) * float(group & 15) * float(level) - halfToFloat(b.minimum) * float(group >> 4);
  }
};

}  // namespace lemma
