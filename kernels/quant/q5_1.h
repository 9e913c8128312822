// Q5_1: 32 values of 5 bits, value = level * scale + minimum, both half precision (GGUF). Bits lie as in Q5_0.
// Pure functions, any thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/quant/half.h"

namespace lemma {

struct Q5_1 {
  static constexpr int kBlock = 32;
  struct Block {
    Half scale;
    Half minimum;
    uint8_t high[kBlock / 8];
    uint8_t low[kBlock / 2];
  };
  static_assert(sizeof(Block) == 24, "GGUF layout");

  static LEMMA_INLINE int level(const Block& b, int i) {
    const int low = i < kBlock / 2 ? b.low[i] & 15 : b.low[i - kBlock / 2] >> 4;
    return low | ((b.high[i / 8] >> (i % 8)) & 1) << 4;
  }

  static LEMMA_INLINE float decode(const Block& b, int i) {
    return float(level(b, i)) * halfToFloat(b.scale) + halfToFloat(b.minimum);
  }

  static LEMMA_INLINE void encode(const float* in, Block& b) {
    const auto [lowest, highest] = std::minmax_element(in, in + kBlock);
    const float minimum = *lowest;
    const float scale = (*highest - minimum) / 31.0f;
    const float inverse = scale != 0 ? 1.0f / scale : 0.0f;
    b = {.scale = halfFromFloat(scale), .minimum = halfFromFloat(minimum)};
    for (int i = 0; i < kBlock; ++i) {
      const int q = clampToInt((in[i] - minimum) * inverse + 0.5f, 0, 31);
      b.low[i % (kBlock / 2)] |= uint8_t((q & 15) << (i < kBlock / 2 ? 0 : 4));
      b.high[i / 8] |= uint8_t((q >> 4) << (i % 8));
    }
  }
};

}  // namespace lemma
