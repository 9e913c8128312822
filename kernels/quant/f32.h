// F32: plain float32. Pure functions, any thread.
#pragma once

#include "kernels/quant/half.h"

namespace lemma {

struct F32 {
  static constexpr int kBlock = 1;
  struct __attribute__((packed)) Block {  // a tensor may lie at any byte of its file
    float value;
  };
  static_assert(sizeof(Block) == 4, "GGUF layout");

  static LEMMA_INLINE float decode(const Block& b, int) { return b.value; }
  static LEMMA_INLINE void encode(const float* in, Block& b) { b.value = in[0]; }
};

}  // namespace lemma
