// E8M0: a power of two in a byte, which only scales other numbers (OCP Microscaling Formats 1.0). Pure function, any
// thread.
#pragma once

#include <bit>
#include <cstdint>

#include "kernels/quant/half.h"

namespace lemma {

// 2^(bits - 127), the last one a NaN.
LEMMA_INLINE float e8m0(uint8_t bits) {
  if (bits == 255) return std::bit_cast<float>(0x7fc00000u);
  return std::bit_cast<float>(bits == 0 ? 0x00400000u : uint32_t(bits) << 23);
}

}  // namespace lemma
