// F8_E4M3: sign, 4 bits of exponent (bias 7) and 3 of mantissa; no infinity, one NaN (OCP 8-bit floating point,
// "E4M3FN"). Weights of models trained in 8 bits, whose scales lie beside them (BlockScales), and caches, which have
// none. Pure functions, any thread.
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

  // The nearest, of two the even one; what is larger than 448 becomes 448, and a NaN stays one.
  static LEMMA_INLINE void encode(const float* in, Block& b) {
    const uint32_t bits = std::bit_cast<uint32_t>(*in), sign = bits >> 24 & 0x80u, size = bits & 0x7fffffffu;
    constexpr uint32_t kLargest = std::bit_cast<uint32_t>(448.0f), kLeastNormal = std::bit_cast<uint32_t>(0x1p-6f);
    uint32_t code = 0;
    if (size > 0x7f800000u) {
      code = 0x7fu;
    } else if (size >= kLargest) {
      code = 0x7eu;
    } else if (size >= kLeastNormal) {  // rounds at bit 20, and a carry moves the exponent
      code = ((size + 0x7ffffu + (size >> 20 & 1u)) >> 20) - (120u << 3);
    } else {  // added to 2^14, whose last bit is 2^-9, it is rounded so
      code = std::bit_cast<uint32_t>(std::bit_cast<float>(size) + 0x1p14f) & 0xfu;
    }
    b.bits = uint8_t(sign | code);
  }
};

}  // namespace lemma
