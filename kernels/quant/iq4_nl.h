// IQ4_NL: 32 values of 4 bits that choose among 16 uneven levels, and a half-precision scale (GGUF). Bits lie as in
// Q4_0. Pure functions, any thread.
#pragma once

#include <cstdint>

#include "kernels/quant/code_book.h"

namespace lemma {

struct IQ4_NL {
  static constexpr int kBlock = 32;
  struct Block {
    Half scale;
    uint8_t q[kBlock / 2];
  };
  static_assert(sizeof(Block) == 18, "GGUF layout");

  static LEMMA_INLINE float decode(const Block& b, int i) {
    const int level = i < kBlock / 2 ? b.q[i] & 15 : b.q[i - kBlock / 2] >> 4;
    return halfToFloat(b.scale) * float(kIq4Values[level]);
  }
};

}  // namespace lemma
