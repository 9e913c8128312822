// Q6_K: 256 values of 6 bits around 32 in 16 groups with scales of 8 bits, and a half-precision factor (GGUF).
// Pure functions, any thread.
#pragma once

#include <cstdint>

#include "kernels/quant/half.h"

namespace lemma {

struct Q6_K {
  static constexpr int kBlock = 256;
  struct Block {
    uint8_t low[kBlock / 2];   // each half of 128: byte j has values j and j + 64, byte 32 + j has j + 32 and j + 96
    uint8_t high[kBlock / 4];  // each half: byte j has two bits each of values j, j + 32, j + 64, j + 96
    int8_t scales[kBlock / 16];
    Half scale;
  };
  static_assert(sizeof(Block) == 210, "GGUF layout");

  static LEMMA_INLINE float decode(const Block& b, int i) {
    const int half = i / 128, within = i % 128;
    const int low = (b.low[half * 64 + within % 64] >> (within / 64 * 4)) & 15;
    const int high = (b.high[half * 32 + within % 32] >> (within / 32 * 2)) & 3;
    const int group = i / 16;
    return halfToFloat(b.scale) * float(b.scales[group]) * float((low | high << 4) - 32);
  }
};

}  // namespace lemma
