// Q8_0: 32 signed bytes and a half-precision scale (GGUF). Pure functions, any thread.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernels/quant/half.h"

namespace lemma {

struct Q8_0 {
  static constexpr int kBlock = 32;
  struct Block {
    Half scale;
    int8_t q[kBlock];
  };
  static_assert(sizeof(Block) == 34, "GGUF layout");

  static LEMMA_INLINE float decode(const Block& b, int i) { return float(b.q[i]) * halfToFloat(b.scale); }

  // Scales by the unrounded scale and rounds halves away from zero, as the format's reference writer does.
  static LEMMA_INLINE void encode(const float* in, Block& b) {
    float largest = 0;
    for (int i = 0; i < kBlock; ++i) largest = std::max(largest, std::fabs(in[i]));
    const float scale = largest / 127.0f;
    const float inverse = scale != 0 ? 1.0f / scale : 0.0f;
    b.scale = halfFromFloat(scale);
    for (int i = 0; i < kBlock; ++i) b.q[i] = int8_t(clampToInt(std::round(in[i] * inverse), -127, 127));
  }
};

}  // namespace lemma
