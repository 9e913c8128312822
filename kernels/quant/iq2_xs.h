// IQ2_XS: 256 values as points of eight from a book of 512, with implied signs; each group of 16 has a scale of 4 bits,
// the block a half-precision factor (GGUF). Pure functions, any thread.
#pragma once

#include <cstdint>

#include "kernels/quant/code_book.h"

namespace lemma {

struct IQ2_XS {
  static constexpr int kBlock = 256;
  struct Block {
    Half scale;
    uint8_t q[kBlock / 8 * 2];    // 16 bits for eight values: the point in the low 9, signs in the high 7
    uint8_t scales[kBlock / 32];  // two groups a byte, the first in the low half
  };
  static_assert(sizeof(Block) == 74, "GGUF layout");

  static LEMMA_INLINE float decode(const Block& b, int i) {
    const uint32_t q = loadU16(b.q + i / 8 * 2);
    const int group = (b.scales[i / 32] >> (i / 16 % 2 * 4)) & 15;
    const float scale = halfToFloat(b.scale) * (0.5f + float(group)) * 0.25f;
    return scale * float(iq2Value(levelOfEight(kGridIQ2_XS[q & 511], i % 8))) * signOf(evenSigns(q >> 9), i % 8);
  }
};

}  // namespace lemma
