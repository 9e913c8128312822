// F4_E2M1: floats of sign, 2 bits of exponent and 1 of mantissa, two in a byte, the first in its low bits (OCP
// Microscaling Formats 1.0). Experts of gpt-oss as Hugging Face keeps them; their scales lie beside them (BlockScales).
// Pure functions, any thread.
#pragma once

#include <cstdint>

#include "kernels/quant/code_book.h"

namespace lemma {

struct F4_E2M1 {
  static constexpr int kBlock = 2;
  struct Block {
    uint8_t bits;
  };
  static_assert(sizeof(Block) == 1, "safetensors layout");

  static LEMMA_INLINE float decode(const Block& b, int i) {
    const float x = 0.5f * float(kFp4Doubled[(b.bits >> (4 * i)) & 7]);
    return (b.bits >> (4 * i)) & 8 ? -x : x;
  }
};

}  // namespace lemma
