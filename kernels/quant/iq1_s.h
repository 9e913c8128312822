// IQ1_S: 256 values as points of eight from a book of 2048 over -1, 0 and 1, shifted by an eighth up or down; each
// group of 32 has an odd scale of 1 to 15, the block a half-precision factor (GGUF). Read only. Pure functions, any
// thread.
#pragma once

#include <cstdint>

#include "kernels/quant/code_book.h"

namespace lemma {

struct IQ1_S {
  static constexpr int kBlock = 256;
  static constexpr float kShift = 0.125f;
  struct Block {
    Half scale;
    uint8_t low[kBlock / 8];          // low 8 bits of a point's number
    uint8_t groups[kBlock / 32 * 2];  // 16 bits a group: 4 times 3 high bits, 3 bits of scale, the shift's sign
  };
  static_assert(sizeof(Block) == 50, "GGUF layout");

  static LEMMA_INLINE float decode(const Block& b, int i) {
    const uint32_t group = loadU16(b.groups + i / 32 * 2);
    const uint32_t point = b.low[i / 8] | ((group >> (i % 32 / 8 * 3)) & 7) << 8;
    const float scale = halfToFloat(b.scale) * float(2 * ((group >> 12) & 7) + 1);
    return scale * (float(iq1Value(levelOfEight(kGridIQ1_S[point], i % 8))) + (group >> 15 ? -kShift : kShift));
  }
};

}  // namespace lemma
