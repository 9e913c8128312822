// TQ2_0: 256 values of -1, 0 or 1 in 2 bits each, and a half-precision scale (GGUF). Pure functions, any thread.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernels/quant/half.h"

namespace lemma {

struct TQ2_0 {
  static constexpr int kBlock = 256;
  struct Block {
    uint8_t q[kBlock / 4];  // byte 32h + j: values j, j + 32, j + 64, j + 96 of half h, lowest bits first
    Half scale;
  };
  static_assert(sizeof(Block) == 66, "GGUF layout");

  static LEMMA_INLINE float decode(const Block& b, int i) {
    const int level = (b.q[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2)) & 3;
    return halfToFloat(b.scale) * float(level - 1);
  }

  static LEMMA_INLINE void encode(const float* in, Block& b) {
    float largest = 0;
    for (int i = 0; i < kBlock; ++i) largest = std::max(largest, std::fabs(in[i]));
    const float inverse = largest != 0 ? 1.0f / largest : 0.0f;
    b = {.scale = halfFromFloat(largest)};
    for (int i = 0; i < kBlock; ++i) {
      const int level = clampToInt(std::round(in[i] * inverse), -1, 1) + 1;
      b.q[i / 128 * 32 + i % 32] |= uint8_t(level << (i % 128 / 32 * 2));
    }
  }
};

}  // namespace lemma
