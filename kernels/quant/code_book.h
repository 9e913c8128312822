// What the formats with a code book share: how a point of grids.h is read, and signs of which the eighth is implied
// (GGUF). Pure functions, any thread.
#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/quant/grids.h"
#include "kernels/quant/half.h"

namespace lemma {

LEMMA_INLINE uint16_t loadU16(const uint8_t* p) {
  uint16_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
LEMMA_INLINE uint32_t loadU32(const uint8_t* p) {
  uint32_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

// Level k of a point of eight values (0 to 2) and of four values (0 to 7).
LEMMA_INLINE constexpr int levelOfEight(uint16_t point, int k) { return (point >> (2 * k)) & 3; }
LEMMA_INLINE constexpr int levelOfFour(uint16_t point, int k) { return (point >> (4 * k)) & 7; }

// What a level is worth before the scales.
LEMMA_INLINE constexpr int iq1Value(int level) { return level - 1; }
LEMMA_INLINE constexpr int iq2Value(int level) { return 8 + 17 * level + level / 2; }        // 8, 25, 43
LEMMA_INLINE constexpr int iq3XxsValue(int level) { return 4 + 8 * level + level / 7 * 2; }  // 4, 12, ..., 52, 62
LEMMA_INLINE constexpr int iq3SValue(int level) { return 1 + 2 * level; }

// Eight signs from seven bits: the eighth makes the number of minus signs even.
LEMMA_INLINE constexpr uint32_t evenSigns(uint32_t seven) { return seven | uint32_t(__builtin_parity(seven)) << 7; }

LEMMA_INLINE float signOf(uint32_t signs, int k) { return (signs >> k) & 1 ? -1.0f : 1.0f; }

// The 16 values of the formats IQ4_NL and IQ4_XS.
inline constexpr int8_t kIq4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

// A float of 4 bits (E2M1 of the OCP microscaling specification), doubled so that it is whole.
inline constexpr int8_t kFp4Doubled[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

}  // namespace lemma
