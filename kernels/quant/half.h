// 16-bit floats (IEEE binary16 and bfloat16) to and from float32, bit for bit the same with and without F16C.
// Pure functions, any thread. Everything in kernels/quant is always inlined: files compiled for other instruction
// sets include these headers, and an out-of-line copy of theirs must never be linked into portable code.
#pragma once

#include <bit>
#include <cstdint>
#if defined(__F16C__)
#include <immintrin.h>
#endif

#define LEMMA_INLINE inline __attribute__((always_inline))

namespace lemma {

// Packed: a tensor may lie at any byte of its file.
struct __attribute__((packed)) Half {
  uint16_t bits;
};

struct __attribute__((packed)) Bfloat {
  uint16_t bits;
};

// The portable conversion; public so that a test can hold it against the processor's own.
LEMMA_INLINE float halfToFloatPortable(Half h) {
  const uint32_t sign = uint32_t(h.bits & 0x8000u) << 16;
  const uint32_t exponent = (h.bits >> 10) & 0x1fu;
  const uint32_t mantissa = h.bits & 0x3ffu;
  if (exponent == 0x1fu) {  // infinity, or a NaN made quiet as the processor does
    return std::bit_cast<float>(sign | 0x7f800000u | (mantissa ? 0x00400000u : 0u) | (mantissa << 13));
  }
  if (exponent == 0) {  // zero and subnormals: mantissa * 2^-24 is exact in float
    const float magnitude = float(mantissa) * 0x1p-24f;
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
  }
  return std::bit_cast<float>(sign | ((exponent + 112u) << 23) | (mantissa << 13));
}

// Rounds to nearest, ties to even; overflow becomes infinity.
LEMMA_INLINE Half halfFromFloatPortable(float f) {
  const uint32_t u = std::bit_cast<uint32_t>(f);
  const uint32_t sign = (u >> 16) & 0x8000u;
  const uint32_t magnitude = u & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return {uint16_t(sign | 0x7e00u | ((magnitude >> 13) & 0x3ffu))};
  if (magnitude >= 0x477ff000u) return {uint16_t(sign | 0x7c00u)};  // 65520 and more round to infinity
  if (magnitude < 0x38800000u) {  // below 2^-14: adding 0.5 lines the result's unit up with float's last bit
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return {uint16_t(sign | (std::bit_cast<uint32_t>(shifted) - std::bit_cast<uint32_t>(0.5f)))};
  }
  const uint32_t odd = (magnitude >> 13) & 1u;
  return {uint16_t(sign | ((magnitude - (112u << 23) + 0xfffu + odd) >> 13))};
}

LEMMA_INLINE float halfToFloat(Half h) {
#if defined(__F16C__)
  return _cvtsh_ss(h.bits);
#else
  return halfToFloatPortable(h);
#endif
}

LEMMA_INLINE Half halfFromFloat(float f) {
#if defined(__F16C__)
  return {uint16_t(_cvtss_sh(f, _MM_FROUND_TO_NEAREST_INT))};
#else
  return halfFromFloatPortable(f);
#endif
}

LEMMA_INLINE float bfloatToFloat(Bfloat b) { return std::bit_cast<float>(uint32_t(b.bits) << 16); }

// Rounds to nearest, ties to even; a NaN stays a NaN (made quiet).
LEMMA_INLINE Bfloat bfloatFromFloat(float f) {
  uint32_t u = std::bit_cast<uint32_t>(f);
  if ((u & 0x7fffffffu) > 0x7f800000u) return {uint16_t((u >> 16) | 0x40u)};
  u += 0x7fffu + ((u >> 16) & 1u);
  return {uint16_t(u >> 16)};
}

// The whole part of x within [low, high]; a NaN becomes low (a plain cast of either would be undefined).
LEMMA_INLINE int clampToInt(double x, int low, int high) { return x >= low ? (x <= high ? int(x) : high) : low; }

}  // namespace lemma
