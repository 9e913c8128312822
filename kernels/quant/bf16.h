// BF16: the upper half of a float32. Pure functions, any thread.
#pragma once

#include "kernels/quant/half.h"

namespace lemma {

struct BF16 {
  static constexpr int kBlock = 1;
  struct Block {
    Bfloat value;
  };
  static_assert(sizeof(Block) == 2, "GGUF layout");

  static LEMMA_INLINE float decode(const Block& b, int) { return bfloatToFloat(b.value); }
  static LEMMA_INLINE void encode(const float* in, Block& b) { b.value = bfloatFromFloat(in[0]); }
};

}  // namespace lemma
