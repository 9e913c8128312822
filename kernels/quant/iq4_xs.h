// IQ4_XS: 256 values of 4 bits that choose among the levels of IQ4_NL; each group of 32 has a signed scale of 6 bits,
// the block a half-precision factor (GGUF). Pure functions, any thread.
#pragma once

#include <cstdint>

#include "kernels/quant/code_book.h"

namespace lemma {

struct IQ4_XS {
  static constexpr int kBlock = 256;
  struct Block {
    Half scale;
    uint8_t scalesHigh[2];           // 2 bits a group, the first lowest
    uint8_t scalesLow[kBlock / 64];  // 4 bits a group, the first in the low half
    uint8_t q[kBlock / 2];           // 16 bytes a group, as in Q4_0
  };
  static_assert(sizeof(Block) == 136, "GGUF layout");

  static LEMMA_INLINE int groupScale(const Block& b, int group) {
    const int low = (b.scalesLow[group / 2] >> (group % 2 * 4)) & 15;
    return (low | ((loadU16(b.scalesHigh) >> (2 * group)) & 3) << 4) - 32;
  }

  static LEMMA_INLINE float decode(const Block& b, int i) {
    const int level = (b.q[i / 32 * 16 + i % 16] >> (i % 32 / 16 * 4)) & 15;
    return halfToFloat(b.scale) * float(groupScale(b, i / 32)) * float(kIq4Values[level]);
  }
};

}  // namespace lemma
