// Q4_1: 32 values of 4 bits, value = level * scale + minimum, both half precision (GGUF). Byte i holds value i in its
// low half and value i + 16 in its high half. Pure functions, any thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/quant/half.h"

namespace lemma {

struct Q4_1 {
  static constexpr int kBlock = 32;
  struct Block {
    Half scale;
    Half minimum;
    uint8_t q[kBlock / 2];
  };
  static_assert(sizeof(Block) == 20, "GGUF layout");

  static LEMMA_INLINE int level(const Block& b, int i) {
    return i < kBlock / 2 ? b.q[i] & 15 : b.q[i - kBlock / 2] >> 4;
  }

  static LEMMA_INLINE float decode(const Block& b, int i) {
    return float(level(b, i)) * halfToFloat(b.scale) + halfToFloat(b.minimum);
  }

  static LEMMA_INLINE void encode(const float* in, Block& b) {
    const auto [lowest, highest] = std::minmax_element(in, in + kBlock);
    const float minimum = *lowest;
    const float scale = (*highest - minimum) / 15.0f;
    const float inverse = scale != 0 ? 1.0f / scale : 0.0f;
    b.scale = halfFromFloat(scale);
    b.minimum = halfFromFloat(minimum);
    const auto quantise = [&](float x) { return clampToInt((x - minimum) * inverse + 0.5f, 0, 15); };
    for (int i = 0; i < kBlock / 2; ++i) b.q[i] = uint8_t(quantise(in[i]) | quantise(in[i + kBlock / 2]) << 4);
  }
};

}  // namespace lemma
