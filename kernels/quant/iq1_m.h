// IQ1_M: IQ1_S with a scale for each 16 values and a shift for each 8; the half-precision factor of the block lies in
// the high 4 bits of the four words of scales (GGUF). Read only. Pure functions, any thread.
#pragma once

#include <cstdint>

#include "kernels/quant/code_book.h"

namespace lemma {

struct IQ1_M {
  static constexpr int kBlock = 256;
  static constexpr float kShift = 0.125f;
  struct Block {
    uint8_t low[kBlock / 8];      // low 8 bits of a point's number
    uint8_t high[kBlock / 16];    // 4 bits a point, the first in the low half: 3 high bits, the shift's sign
    uint8_t scales[kBlock / 32];  // 16 bits for 64 values: 4 times 3 bits, and 4 bits of the factor, lowest first
  };
  static_assert(sizeof(Block) == 56, "GGUF layout");

  static LEMMA_INLINE Half factor(const Block& b) {
    uint32_t bits = 0;
    for (int k = 0; k < 4; ++k) bits |= uint32_t(loadU16(b.scales + 2 * k) >> 12) << (4 * k);
    return {uint16_t(bits)};
  }

  static LEMMA_INLINE float decode(const Block& b, int i) {
    const uint32_t high = b.high[i / 16] >> (i / 8 % 2 * 4);
    const uint32_t point = b.low[i / 8] | (high & 7) << 8;
    const uint32_t group = (loadU16(b.scales + i / 64 * 2) >> (i / 16 % 4 * 3)) & 7;
    const float scale = halfToFloat(factor(b)) * float(2 * group + 1);
    return scale * (float(iq1Value(levelOfEight(kGridIQ1_S[point], i % 8))) + (high & 8 ? -kShift : kShift));
  }
};

}  // namespace lemma
