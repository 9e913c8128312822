// The 12 bytes in which Q4_K and Q5_K keep 8 scales and 8 minima of 6 bits each (GGUF). Pure functions, any thread.
#pragma once

#include <cstdint>

#include "kernels/quant/half.h"

namespace lemma {

struct KScales {
  uint8_t bytes[12];

  // Groups 0 to 3 lie in the low 6 bits of bytes 0 to 3 (scales) and 4 to 7 (minima); groups 4 to 7 have their low 4
  // bits in bytes 8 to 11 and their high 2 bits on top of the bytes of groups 0 to 3.
  LEMMA_INLINE int scale(int group) const {
    return group < 4 ? bytes[group] & 63 : (bytes[group + 4] & 15) | (bytes[group - 4] >> 6) << 4;
  }
  LEMMA_INLINE int minimum(int group) const {
    return group < 4 ? bytes[group + 4] & 63 : bytes[group + 4] >> 4 | (bytes[group] >> 6) << 4;
  }
};

}  // namespace lemma
