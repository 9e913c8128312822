// NVFP4: 64 floats of 4 bits (E2M1) in four groups with scales of 8 bits (E4M3 without its sign) (GGUF).
// Pure functions, any thread.
#pragma once

#include <bit>
#include <cstdint>

#include "kernels/quant/code_book.h"

namespace lemma {

struct NVFP4 {
  static constexpr int kBlock = 64;
  struct Block {
    uint8_t scales[kBlock / 16];
    uint8_t q[kBlock / 2];  // 8 bytes a group: byte j has value j in the low half, value j + 8 in the high half
  };
  static_assert(sizeof(Block) == 36, "GGUF layout");

  // Half of the E4M3 number, since the levels are doubled. The sign bit is not read; 0x7f, a NaN, counts as zero.
  static LEMMA_INLINE float scale(uint8_t code) {
    const uint32_t exponent = (code >> 3) & 15, mantissa = code & 7;
    if (code == 0x7f) return 0;
    if (exponent == 0) return float(mantissa) * 0x1p-10f;
    return std::bit_cast<float>((exponent + 127 - 7 - 1) << 23 | mantissa << 20);
  }

  static LEMMA_INLINE float decode(const Block& b, int i) {
    const int level = (b.q[i / 16 * 8 + i % 8] >> (i % 16 / 8 * 4)) & 15;
    return scale(b.scales[i / 16]) * float(kFp4Doubled[level]);
  }
};

}  // namespace lemma
