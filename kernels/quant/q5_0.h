// Q5_0: 32 values of 5 bits around 16 and a half-precision scale (GGUF). The low 4 bits lie as in Q4_0, the fifth of
// value i is bit i of the four bytes `high`. Pure functions, any thread.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/quant/half.h"

namespace lemma {

struct Q5_0 {
  static constexpr int kBlock = 32;
  struct Block {
    Half scale;
    uint8_t high[kBlock / 8];
    uint8_t low[kBlock / 2];
  };
  static_assert(sizeof(Block) == 22, "GGUF layout");

  static LEMMA_INLINE int level(const Block& b, int i) {
    const int low = i < kBlock / 2 ? b.low[i] & 15 : b.low[i - kBlock / 2] >> 4;
    return low | ((b.high[i / 8] >> (i % 8)) & 1) << 4;
  }

  static LEMMA_INLINE float decode(const Block& b, int i) { return float(level(b, i) - 16) * halfToFloat(b.scale); }

  // The value of largest magnitude becomes level 0, so the scale carries its sign; rounded in double.
  static LEMMA_INLINE void encode(const float* in, Block& b) {
    float extreme = 0;
    for (int i = 0; i < kBlock; ++i) {
      if (std::fabs(in[i]) > std::fabs(extreme)) extreme = in[i];
    }
    const float scale = extreme / -16.0f;
    const float inverse = scale != 0 ? 1.0f / scale : 0.0f;
    b = {.scale = halfFromFloat(scale)};
    for (int i = 0; i < kBlock; ++i) {
      const int q = clampToInt(double(in[i]) * double(inverse) + 16.5, 0, 31);
      b.low[i % (kBlock / 2)] |= uint8_t((q & 15) << (i < kBlock / 2 ? 0 : 4));
      b.high[i / 8] |= uint8_t((q >> 4) << (i % 8));
    }
  }
};

}  // namespace lemma
