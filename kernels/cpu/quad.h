// What formats are unpacked with: 64 bytes as four lanes of 16, lane i for block i of four. Two of them, the first and
// the second halves of the blocks, are the order in which activations lie. Included once a target, after its simd_*.h;
// pure functions, any thread.
#include <cstring>

#include "kernels/cpu/kernel_table.h"

namespace lemma::cpu::LEMMA_CPU_TARGET {

#define LEMMA_UNIT [[gnu::always_inline]] static inline

constexpr int kQuadParts = 4 / kGroup;

struct Quad {
  I v[kQuadParts];
};

template <class Part>
LEMMA_SIMD Quad quadOf(const Part& part) {
  Quad q;
#pragma GCC unroll 4
  for (int i = 0; i < kQuadParts; ++i) q.v[i] = part(i);
  return q;
}

LEMMA_SIMD __m128i load16(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
LEMMA_SIMD __m128i load8(const void* p) { return _mm_loadl_epi64(static_cast<const __m128i*>(p)); }
LEMMA_SIMD __m128i load4(const void* p) {
  int32_t x;
  memcpy(&x, p, 4);
  return _mm_cvtsi32_si128(x);
}

LEMMA_SIMD Quad quadAt(const std::byte* p) {
  return quadOf([&](int i) __attribute__((always_inline)) { return iload(p + i * int(sizeof(I))); });
}
LEMMA_SIMD Quad lanes(__m128i a, __m128i b, __m128i c, __m128i d) {
  const __m128i all[4] = {a, b, c, d};
  return quadOf([&](int i) __attribute__((always_inline)) { return lanesOf(all + i * kGroup); });
}
// The 16-byte pieces a, b, c and d of the 64 bytes at p.
template <int a, int b, int c, int d>
LEMMA_SIMD Quad pieces(const std::byte* p) {
#if defined(__AVX512F__)
  const I v = iload(p);
  return {{_mm512_shuffle_i64x2(v, v, a | b << 2 | c << 4 | d << 6)}};
#else
  return lanes(load16(p + 16 * a), load16(p + 16 * b), load16(p + 16 * c), load16(p + 16 * d));
#endif
}
LEMMA_SIMD Quad everyLaneOf(__m128i v) {
  return quadOf([&](int) __attribute__((always_inline)) { return everyLane(v); });
}
LEMMA_SIMD void store(std::byte* p, const Quad& q) {
#pragma GCC unroll 4
  for (int i = 0; i < kQuadParts; ++i) memcpy(p + i * int(sizeof(I)), &q.v[i], sizeof(I));
}

// Bits n of each lane's bytes upwards, `mask` of them.
template <int a, int b, int c, int d>
LEMMA_SIMD Quad bitsFrom(const Quad& q, int mask) {
  constexpr int n[4] = {a, b, c, d};
  return quadOf([&](int i)
                    __attribute__((always_inline)) { return band(shiftLanes(q.v[i], n + i * kGroup), bset(mask)); });
}
// The same bits, `mask` in lane i moved up by a, b, c or d, where they are.
template <int a, int b, int c, int d>
LEMMA_SIMD Quad bitsInPlace(const Quad& q, int mask) {
  const auto of = [&](int n) { return _mm_set1_epi8(char(mask << n)); };
  const Quad masks = lanes(of(a), of(b), of(c), of(d));
  return quadOf([&](int i) __attribute__((always_inline)) { return band(q.v[i], masks.v[i]); });
}
LEMMA_SIMD Quad operator|(const Quad& a, const Quad& b) {
  return quadOf([&](int i) __attribute__((always_inline)) { return bor(a.v[i], b.v[i]); });
}
LEMMA_SIMD Quad plus(const Quad& a, int more) {
  return quadOf([&](int i) __attribute__((always_inline)) { return badd(a.v[i], bset(more)); });
}
LEMMA_SIMD Quad times16(const Quad& a) {  // of bytes below 16
  return quadOf([&](int i) __attribute__((always_inline)) { return btimes16(a.v[i]); });
}
LEMMA_SIMD Quad lookUp(__m128i table, const Quad& index) {
  return quadOf([&](int i) __attribute__((always_inline)) { return lookUp(everyLane(table), index.v[i]); });
}
// + more where v has all of `bits`.
LEMMA_SIMD Quad plusWhere(const Quad& x, const Quad& v, const Quad& bits, int more) {
  return quadOf([&](int i) __attribute__((always_inline)) { return addWhereAll(x.v[i], v.v[i], bits.v[i], more); });
}

// Where a bit is set, bit i for byte i: more added, taken from `sum`.
LEMMA_SIMD Quad addWhere(const Quad& x, uint64_t bytes, int more) {
  return quadOf([&](int i)
                    __attribute__((always_inline)) { return addWhere(x.v[i], bytes >> (i * 16 * kGroup), more); });
}
LEMMA_SIMD Quad mirrorWhere(const Quad& x, uint64_t bytes, int sum) {
  return quadOf([&](int i)
                    __attribute__((always_inline)) { return mirrorWhere(x.v[i], bytes >> (i * 16 * kGroup), sum); });
}

// Eight integers of 8 bits times `factor`, to out.
template <bool kUnsigned>
LEMMA_SIMD void storeScaled(__m128i bytes, float factor, float* out) {
#if defined(__AVX2__)
  const __m256i wide = kUnsigned ? _mm256_cvtepu8_epi32(bytes) : _mm256_cvtepi8_epi32(bytes);
  _mm256_storeu_ps(out, _mm256_mul_ps(_mm256_cvtepi32_ps(wide), _mm256_set1_ps(factor)));
#else
  for (int i = 0; i < 2; ++i, bytes = _mm_srli_si128(bytes, 4)) {
    const __m128i wide = kUnsigned ? _mm_cvtepu8_epi32(bytes) : _mm_cvtepi8_epi32(bytes);
    _mm_storeu_ps(out + 4 * i, _mm_mul_ps(_mm_cvtepi32_ps(wide), _mm_set1_ps(factor)));
  }
#endif
}

LEMMA_SIMD __m128 halvesToFloats(__m128i four) {
#if defined(__F16C__)
  return _mm_cvtph_ps(four);
#else
  return halvesOf(_mm_cvtepu16_epi32(four));
#endif
}
LEMMA_SIMD float halfAt(const std::byte* p) {
  int16_t bits;
  memcpy(&bits, p, 2);
  return _mm_cvtss_f32(halvesToFloats(_mm_cvtsi32_si128(bits)));
}
// Four halves, `stride` apart.
LEMMA_SIMD __m128 fourHalves(const std::byte* p, int64_t stride) {
  int16_t bits[4];
  for (int i = 0; i < 4; ++i) memcpy(bits + i, p + i * stride, 2);
  return halvesToFloats(_mm_setr_epi16(bits[0], bits[1], bits[2], bits[3], 0, 0, 0, 0));
}

}  // namespace lemma::cpu::LEMMA_CPU_TARGET
