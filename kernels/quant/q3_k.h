// Q3_K: 256 values of 3 bits around 4 in 16 groups with signed scales of 6 bits, and a half-precision factor (GGUF).
// Pure functions, any thread.
#pragma once

#include <cstdint>

#include "kernels/quant/half.h"

namespace lemma {

struct Q3_K {
  static constexpr int kBlock = 256;
  struct Block {
    uint8_t high[kBlock / 8];  // bit s of byte j: the third bit of value 32s + j
    uint8_t low[kBlock / 4];   // as in Q2_K
    uint8_t scales[12];        // 16 of 6 bits: 4 low bits in 8 bytes (two groups a byte), then 2 high bits in 4 bytes
    Half scale;
  };
  static_assert(sizeof(Block) == 110, "GGUF layout");

  static LEMMA_INLINE int groupScale(const Block& b, int group) {
    const int low = group < 8 ? b.scales[group] & 15 : b.scales[group - 8] >> 4;
    const int high = (b.scales[8 + group % 4] >> (group / 4 * 2)) & 3;
    return (low | high << 4) - 32;
  }

  static LEMMA_INLINE float decode(const Block& b, int i) {
    const int half = i / 128, within = i % 128;
    const int low = (b.low[half * 32 + within % 32] >> (within / 32 * 2)) & 3;
    const int high = (b.high[i % 32] >> (i / 32)) & 1;
    return halfToFloat(b.scale) * float(groupScale(b, i / 16)) * float((low | high << 2) - 4);
  }
};

}  // namespace lemma
