// Q4_0: 32 values of 4 bits around 8 and a half-precision scale (GGUF). Byte i holds value i in its low half and
// value i + 16 in its high half. Pure functions, any thread.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/quant/half.h"

namespace lemma {

struct Q4_0 {
  static constexpr int kBlock = 32;
  struct Block {
    Half scale;
    uint8_t q[kBlock / 2];
  };
  static_assert(sizeof(Block) == 18, "GGUF layout");

  static LEMMA_INLINE int level(const Block& b, int i) {
    return i < kBlock / 2 ? b.q[i] & 15 : b.q[i - kBlock / 2] >> 4;
  }

  static LEMMA_INLINE float decode(const Block& b, int i) { return float(level(b, i) - 8) * halfToFloat(b.scale); }

  // The value of largest magnitude becomes level 0, so the scale carries its sign; rounded in double.
  static LEMMA_INLINE void encode(const float* in, Block& b) {
    float extreme = 0;
    for (int i = 0; i < kBlock; ++i) {
      if (std::fabs(in[i]) > std::fabs(extreme)) extreme = in[i];
    }
    const float scale = extreme / -8.0f;
    const float inverse = scale != 0 ? 1.0f / scale : 0.0f;
    b.scale = halfFromFloat(scale);
    const auto quantise = [&](float x) { return clampToInt(double(x) * double(inverse) + 8.5, 0, 15); };
    for (int i = 0; i < kBlock / 2; ++i) b.q[i] = uint8_t(quantise(in[i]) | quantise(in[i + kBlock / 2]) << 4);
  }
};

}  // namespace lemma
