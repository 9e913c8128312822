// IQ2_S: 256 values as points of eight from a book of 1024, every sign stored; each group of 16 has a scale of 4 bits,
// the block a half-precision factor (GGUF). Pure functions, any thread.
#pragma once

#include <cstdint>

#include "kernels/quant/code_book.h"

namespace lemma {

struct IQ2_S {
  static constexpr int kBlock = 256;
  struct Block {
    Half scale;
    uint8_t low[kBlock / 8];      // low 8 bits of a point's number
    uint8_t signs[kBlock / 8];    // bit i % 8 of byte i / 8
    uint8_t high[kBlock / 32];    // high 2 bits of four points, the first lowest
    uint8_t scales[kBlock / 32];  // two groups a byte, the first in the low half
  };
  static_assert(sizeof(Block) == 82, "GGUF layout");

  static LEMMA_INLINE float decode(const Block& b, int i) {
    const int point = b.low[i / 8] | ((b.high[i / 32] >> (i % 32 / 8 * 2)) & 3) << 8;
    const int group = (b.scales[i / 32] >> (i / 16 % 2 * 4)) & 15;
    const float scale = halfToFloat(b.scale) * (0.5f + float(group)) * 0.25f;
    return scale * float(iq2Value(levelOfEight(kGridIQ2_S[point], i % 8))) * signOf(b.signs[i / 8], i % 8);
  }
};

}  // namespace lemma
