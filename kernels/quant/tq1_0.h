// TQ1_0: 256 values of -1, 0 or 1 and a half-precision scale; five values are one byte, as digits of a fraction to base
// 3 (GGUF). Pure functions, any thread.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernels/quant/half.h"

namespace lemma {

struct TQ1_0 {
  static constexpr int kBlock = 256;
  struct Block {
    uint8_t fives[48];  // bytes 0 to 31: digit k of byte j is value 32k + j; bytes 32 to 47: value 160 + 16k + j
    uint8_t fours[4];   // digit k of byte j is value 240 + 4k + j
    Half scale;
  };
  static_assert(sizeof(Block) == 54, "GGUF layout");

  // A byte b holds the digits of b / 256: b * 3^k modulo 256 drops the first k of them.
  static LEMMA_INLINE int level(const Block& b, int i) {
    constexpr uint8_t kPowers[5] = {1, 3, 9, 27, 81};
    const uint8_t rest = i < 160   ? uint8_t(b.fives[i % 32] * kPowers[i / 32])
                         : i < 240 ? uint8_t(b.fives[32 + i % 16] * kPowers[(i - 160) / 16])
                                   : uint8_t(b.fours[i % 4] * kPowers[(i - 240) / 4]);
    return rest * 3 / 256;
  }

  static LEMMA_INLINE float decode(const Block& b, int i) { return halfToFloat(b.scale) * float(level(b, i) - 1); }

  static LEMMA_INLINE void encode(const float* in, Block& b) {
    float largest = 0;
    for (int i = 0; i < kBlock; ++i) largest = std::max(largest, std::fabs(in[i]));
    const float inverse = largest != 0 ? 1.0f / largest : 0.0f;
    b.scale = halfFromFloat(largest);
    // `digits` values from `first` on, `step` apart; a byte is the fraction rounded up, so that its digits come back.
    const auto byteOf = [&](int first, int step, int digits) {
      int number = 0;
      for (int k = 0; k < 5; ++k) {
        number = number * 3 + (k < digits ? clampToInt(std::round(in[first + k * step] * inverse), -1, 1) + 1 : 0);
      }
      return uint8_t((number * 256 + 242) / 243);
    };
    for (int j = 0; j < 32; ++j) b.fives[j] = byteOf(j, 32, 5);
    for (int j = 0; j < 16; ++j) b.fives[32 + j] = byteOf(160 + j, 16, 5);
    for (int j = 0; j < 4; ++j) b.fours[j] = byteOf(240 + j, 4, 4);
  }
};

}  // namespace lemma
