// IQ2_XXS: 256 values as points of eight from a book of 256, with implied signs; each group of 32 has a scale of 4
// bits, the block a half-precision factor (GGUF). Pure functions, any thread.
#pragma once

#include <cstdint>

#include "kernels/quant/code_book.h"

namespace lemma {

struct IQ2_XXS {
  static constexpr int kBlock = 256;
  struct Block {
    Half scale;
    uint8_t groups[kBlock / 32 * 8];  // each: 4 points, then 32 bits: 4 times 7 signs, and the scale on top
  };
  static_assert(sizeof(Block) == 66, "GGUF layout");

  static LEMMA_INLINE float decode(const Block& b, int i) {
    const uint8_t* group = b.groups + i / 32 * 8;
    const int part = i % 32 / 8;
    const uint32_t rest = loadU32(group + 4);
    const float scale = halfToFloat(b.scale) * (0.5f + float(rest >> 28)) * 0.25f;
    const int value = iq2Value(levelOfEight(kGridIQ2_XXS[group[part]], i % 8));
    return scale * float(value) * signOf(evenSigns((rest >> (7 * part)) & 127), i % 8);
  }
};

}  // namespace lemma
