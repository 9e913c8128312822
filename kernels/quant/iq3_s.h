// IQ3_S: 256 values as points of four from a book of 512, every sign stored; each group of 32 has an odd scale of 1 to
// 31, the block a half-precision factor (GGUF). Pure functions, any thread.
#pragma once

#include <cstdint>

#include "kernels/quant/code_book.h"

namespace lemma {

struct IQ3_S {
  static constexpr int kBlock = 256;
  struct Block {
    Half scale;
    uint8_t low[kBlock / 4];      // low 8 bits of a point's number
    uint8_t high[kBlock / 32];    // bit i % 32 / 4 of byte i / 32: the ninth
    uint8_t signs[kBlock / 8];    // bit i % 8 of byte i / 8
    uint8_t scales[kBlock / 64];  // two groups a byte, the first in the low half
  };
  static_assert(sizeof(Block) == 110, "GGUF layout");

  static LEMMA_INLINE float decode(const Block& b, int i) {
    const int point = b.low[i / 4] | ((b.high[i / 32] >> (i % 32 / 4)) & 1) << 8;
    const int group = (b.scales[i / 64] >> (i / 32 % 2 * 4)) & 15;
    const float scale = halfToFloat(b.scale) * float(1 + 2 * group);
    return scale * float(iq3SValue(levelOfFour(kGridIQ3_S[point], i % 4))) * signOf(b.signs[i / 8], i % 8);
  }
};

}  // namespace lemma
