// Four floats at a time in the compiler's own vectors, so that encoders give the same bytes on every machine: sums have
// one order, and nothing is fused. Pure functions, any thread; included by the .cpp files of this folder only.
#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/quant/half.h"

namespace lemma::encode {

using F4 = float __attribute__((vector_size(16)));

LEMMA_INLINE F4 load(const float* p) {
  F4 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
LEMMA_INLINE void store(float* p, F4 v) { std::memcpy(p, &v, sizeof v); }
LEMMA_INLINE F4 splat(float x) { return F4{x, x, x, x}; }
LEMMA_INLINE float sum(F4 v) { return (v[0] + v[2]) + (v[1] + v[3]); }
LEMMA_INLINE F4 clamp(F4 v, float low, float high) {
  v = v > splat(low) ? v : splat(low);
  return v < splat(high) ? v : splat(high);
}
// To the nearest whole number, ties to even, for magnitudes below 2^22.
LEMMA_INLINE F4 rounded(F4 v) { return (v + splat(12582912.0f)) - splat(12582912.0f); }
LEMMA_INLINE float rounded(float v) { return (v + 12582912.0f) - 12582912.0f; }

}  // namespace lemma::encode
