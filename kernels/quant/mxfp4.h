// MXFP4: 32 floats of 4 bits (E2M1) and a power of two (E8M0) for all of them (GGUF; OCP Microscaling Formats 1.0).
// Bits lie as in Q4_0. Pure functions, any thread.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "kernels/quant/code_book.h"

namespace lemma {

struct MXFP4 {
  static constexpr int kBlock = 32;
  struct Block {
    uint8_t exponent;
    uint8_t q[kBlock / 2];
  };
  static_assert(sizeof(Block) == 17, "GGUF layout");

  // 2^(exponent - 128): half of what the specification says, since the levels are doubled.
  static LEMMA_INLINE float scale(uint8_t exponent) {
    return std::bit_cast<float>(exponent < 2 ? 0x00200000u << exponent : uint32_t(exponent - 1) << 23);
  }

  static LEMMA_INLINE float decode(const Block& b, int i) {
    const int level = i < kBlock / 2 ? b.q[i] & 15 : b.q[i - kBlock / 2] >> 4;
    return scale(b.exponent) * float(kFp4Doubled[level]);
  }

  // The largest magnitude lies in the top binade of E2M1, as the specification has it; the nearest level, the first of
  // two that are equally near.
  static LEMMA_INLINE void encode(const float* in, Block& b) {
    float largest = 0;
    for (int i = 0; i < kBlock; ++i) largest = std::max(largest, std::fabs(in[i]));
    b = {.exponent = uint8_t(largest > 0 ? clampToInt(std::floor(std::log2(largest)) - 2 + 127, 0, 254) : 0)};
    const float d = scale(b.exponent);
    for (int i = 0; i < kBlock; ++i) {
      int best = 0;
      float least = std::fabs(d * float(kFp4Doubled[0]) - in[i]);
      for (int level = 1; level < 16; ++level) {
        const float error = std::fabs(d * float(kFp4Doubled[level]) - in[i]);
        if (error < least) least = error, best = level;
      }
      b.q[i % (kBlock / 2)] |= uint8_t(best << (i < kBlock / 2 ? 0 : 4));
    }
  }
};

}  // namespace lemma
