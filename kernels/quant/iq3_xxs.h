// IQ3_XXS: 256 values as points of four from a book of 256, with implied signs; each group of 32 has a scale of 4 bits,
// the block a half-precision factor (GGUF). Pure functions, any thread.
#pragma once

#include <cstdint>

#include "kernels/quant/code_book.h"

namespace lemma {

struct IQ3_XXS {
  static constexpr int kBlock = 256;
  struct Block {
    Half scale;
    uint8_t points[kBlock / 4];
    uint8_t groups[kBlock / 32 * 4];  // 32 bits a group: 4 times 7 signs, and the scale on top
  };
  static_assert(sizeof(Block) == 98, "GGUF layout");

  static LEMMA_INLINE float decode(const Block& b, int i) {
    const uint32_t group = loadU32(b.groups + i / 32 * 4);
    const float scale = halfToFloat(b.scale) * (0.5f + float(group >> 28)) * 0.5f;
    const int value = iq3XxsValue(levelOfFour(kGridIQ3_XXS[b.points[i / 4]], i % 4));
    return scale * float(value) * signOf(evenSigns((group >> (i % 32 / 8 * 7)) & 127), i % 8);
  }
};

}  // namespace lemma
