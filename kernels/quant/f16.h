// F16: IEEE binary16. Pure functions, any thread.
#pragma once

#include "kernels/quant/half.h"

namespace lemma {

struct F16 {
  static constexpr int kBlock = 1;
  struct Block {
    Half value;
  };
  static_assert(sizeof(Block) == 2, "GGUF layout");

  static LEMMA_INLINE float decode(const Block& b, int) { return halfToFloat(b.value); }
  static LEMMA_INLINE void encode(const float* in, Block& b) { b.value = halfFromFloat(in[0]); }
};

}  // namespace lemma
