// F8_E4M3: sign, 4 bits of exponent (bias 7) and 3 of mantissa; no infinity, one NaN (OCP 8-bit floating point,
// "E4M3FN"). Weights of models trained in 8 bits; their scales lie beside them (BlockScales). Pure functions, any
// thread.
#pragma once

#include <bit>
#include <cstdint>

#include "kernels/quant/half.h"

namespace lemma {

struct F8_E4M3 {
  static constexpr int kBlock = 1;
  struct Block {
    uint8_t bits;
  };
  static_assert(sizeof(Block) == 1, "safetensors layout");

  static LEMMA_INLINE float decode(const Block& b, int) {
    const uint32_t sign = uint32_t(b.bits & 0x80u) << 24, exponent = (b.bits >> 3) & 0xfu, mantissa = b.bits & 7u;
    if ((b.bits & 0x7fu) == 0x7fu) return std::bit_cast<float>(sign | 0x7fc00000u);
    if (exponent == 0) {  // zero and subnormals: mantissa * 2^-9 is exact in float
      return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(float(mantissa) * 0x1p-9f));
    }
    return std::bit_cast<float>(sign | ((exponent + 120u) << 23) | (mantissa << 20));
  }
};

}  // namespace lemma
