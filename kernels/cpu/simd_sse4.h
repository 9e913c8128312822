// 128-bit vectors for the kernels: SSE4.2 and SSSE3, halves converted by hand. Included by one file, into that
// target's own namespace; pure functions, any thread.
#include <nmmintrin.h>
#include <tmmintrin.h>

#include <cstddef>
#include <cstdint>

namespace lemma::cpu::LEMMA_CPU_TARGET {

#define LEMMA_SIMD [[gnu::always_inline]] static inline

constexpr int kLanes = 4;
constexpr int kGroup = 1;
constexpr int kTileRows = 2;
constexpr int kTileVecs = 2;
constexpr int kFloatVecs = 2;
constexpr int kMaxStreams = 4;

using F = __m128;
using I = __m128i;

LEMMA_SIMD F fzero() { return _mm_setzero_ps(); }
LEMMA_SIMD F fset(float x) { return _mm_set1_ps(x); }
LEMMA_SIMD F fload(const float* p) { return _mm_loadu_ps(p); }
LEMMA_SIMD void fstore(float* p, F v) { _mm_storeu_ps(p, v); }
LEMMA_SIMD F fadd(F a, F b) { return _mm_add_ps(a, b); }
LEMMA_SIMD F fsub(F a, F b) { return _mm_sub_ps(a, b); }
LEMMA_SIMD F fmul(F a, F b) { return _mm_mul_ps(a, b); }
LEMMA_SIMD F fdiv(F a, F b) { return _mm_div_ps(a, b); }
LEMMA_SIMD F fma(F a, F b, F c) { return _mm_add_ps(_mm_mul_ps(a, b), c); }
LEMMA_SIMD F fmax(F a, F b) { return _mm_max_ps(a, b); }
LEMMA_SIMD F fmin(F a, F b) { return _mm_min_ps(a, b); }
LEMMA_SIMD F fabs(F a) { return _mm_andnot_ps(fset(-0.0f), a); }
LEMMA_SIMD F zeroBelow(F v, F x, float limit) { return _mm_and_ps(_mm_cmpnlt_ps(x, fset(limit)), v); }

// Exact for every half: 2^112 lifts the exponent, subnormals included; infinities and NaNs get theirs put back.
LEMMA_SIMD F halvesOf(I h) {
  const I sign = _mm_slli_epi32(_mm_and_si128(h, _mm_set1_epi32(0x8000)), 16);
  const I magnitude = _mm_slli_epi32(_mm_and_si128(h, _mm_set1_epi32(0x7fff)), 13);
  const I special = _mm_and_si128(_mm_cmpgt_epi32(magnitude, _mm_set1_epi32(0x0f7fffff)), _mm_set1_epi32(0x7f800000));
  const F lifted = _mm_mul_ps(_mm_castsi128_ps(magnitude), fset(0x1p112f));
  return _mm_or_ps(lifted, _mm_castsi128_ps(_mm_or_si128(sign, special)));
}
LEMMA_SIMD F loadHalf(const void* p) {
  return halvesOf(_mm_cvtepu16_epi32(_mm_loadl_epi64(static_cast<const __m128i*>(p))));
}
// 8-bit floats (1, 4 and 3 bits), 2^-8 of each: as halves their exponents are 8 too small, subnormals included. One
// more than the largest would carry into the exponent's highest bit, and makes the NaN one.
LEMMA_SIMD F smallHalves(const void* p) {
  int32_t four;
  __builtin_memcpy(&four, p, sizeof four);
  const I h = _mm_and_si128(_mm_slli_epi32(_mm_cvtepi8_epi32(_mm_cvtsi32_si128(four)), 7), _mm_set1_epi32(0xbfff));
  const I nan = _mm_and_si128(_mm_add_epi32(h, _mm_set1_epi32(0x80)), _mm_set1_epi32(0x4000));
  return halvesOf(_mm_or_si128(h, nan));
}
LEMMA_SIMD F loadBfloat(const void* p) {
  return _mm_castsi128_ps(_mm_slli_epi32(_mm_cvtepu16_epi32(_mm_loadl_epi64(static_cast<const __m128i*>(p))), 16));
}

LEMMA_SIMD F loadBytes(const void* p) {  // signed
  int32_t four;
  __builtin_memcpy(&four, p, sizeof four);
  return _mm_cvtepi32_ps(_mm_cvtepi8_epi32(_mm_cvtsi32_si128(four)));
}

LEMMA_SIMD I izero() { return _mm_setzero_si128(); }
LEMMA_SIMD I iset(int32_t x) { return _mm_set1_epi32(x); }
LEMMA_SIMD I iload(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
LEMMA_SIMD I iadd(I a, I b) { return _mm_add_epi32(a, b); }
LEMMA_SIMD F toFloat(I v) { return _mm_cvtepi32_ps(v); }
LEMMA_SIMD I toInt(F v) { return _mm_cvtps_epi32(v); }
LEMMA_SIMD F exponent(I n) { return _mm_castsi128_ps(_mm_slli_epi32(_mm_add_epi32(n, iset(127)), 23)); }
LEMMA_SIMD int32_t isum(I v) {
  v = _mm_add_epi32(v, _mm_shuffle_epi32(v, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(v, _mm_shuffle_epi32(v, 0xb1)));
}
// The largest of floats that are not negative, by their bits: a NaN is above all numbers then and is not lost.
LEMMA_SIMD F maxBits(F a, F b) { return _mm_castsi128_ps(_mm_max_epi32(_mm_castps_si128(a), _mm_castps_si128(b))); }
LEMMA_SIMD float hmaxBits(F v) {
  const __m128i bits = _mm_castps_si128(v);
  __m128i m = _mm_max_epi32(bits, bits);
  m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0x4e));
  m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0xb1));
  return _mm_cvtss_f32(_mm_castsi128_ps(m));
}
LEMMA_SIMD float hmax(F v) {
  v = _mm_max_ps(v, _mm_movehl_ps(v, v));
  return _mm_cvtss_f32(_mm_max_ss(v, _mm_shuffle_ps(v, v, 1)));
}

LEMMA_SIMD __m128 sum4(F a, F b, F c, F d) {
  const F ab = fadd(_mm_unpacklo_ps(a, b), _mm_unpackhi_ps(a, b));
  const F cd = fadd(_mm_unpacklo_ps(c, d), _mm_unpackhi_ps(c, d));
  return fadd(_mm_movelh_ps(ab, cd), _mm_movehl_ps(cd, ab));
}

template <int kStep>
LEMMA_SIMD F spread(F scales) {
  return _mm_shuffle_ps(scales, scales, kStep * 0x55);
}

// Words: pairs of 16-bit integers that a product takes at once. Tiles of attention are kWordRows x kWordVecs vectors.
constexpr int kWordRows = 4;
constexpr int kWordVecs = 2;
LEMMA_SIMD I dotWords(I acc, I a, I b) { return _mm_add_epi32(acc, _mm_madd_epi16(a, b)); }
// Of integers that fit 16 bits: lane i holds low[i] and high[i].
LEMMA_SIMD I pairWords(I low, I high) { return _mm_blend_epi16(low, _mm_slli_epi32(high, 16), 0xaa); }
LEMMA_SIMD void storeWords(void* p, I v) { _mm_storel_epi64(static_cast<__m128i*>(p), _mm_packs_epi32(v, v)); }
// a where x < limit, otherwise b.
LEMMA_SIMD F selectBelow(F a, F b, F x, F limit) { return _mm_blendv_ps(b, a, _mm_cmplt_ps(x, limit)); }

constexpr int kByteZero = 0;
constexpr int kPanelZero = 64;
LEMMA_SIMD I widen(I acc, I pairs) { return _mm_add_epi32(acc, _mm_madd_epi16(pairs, _mm_set1_epi16(1))); }
template <bool kSigned>
LEMMA_SIMD I dotBytes(I acc, I w, I x) {
  if constexpr (!kSigned) return widen(acc, _mm_maddubs_epi16(w, x));
  return widen(acc, _mm_maddubs_epi16(_mm_abs_epi8(w), _mm_sign_epi8(x, w)));
}
LEMMA_SIMD I panelStart(int32_t start, bool zero) { return zero ? iset(start >> 1) : izero(); }

LEMMA_SIMD I lanesOf(const __m128i* v) { return v[0]; }
// Dwords of four vectors, lane by lane: out[k] has dword k of all four.
LEMMA_SIMD void transposeLanes(I a, I b, I c, I d, I* out) {
  const I ab = _mm_unpacklo_epi32(a, b), cd = _mm_unpacklo_epi32(c, d);
  const I ef = _mm_unpackhi_epi32(a, b), gh = _mm_unpackhi_epi32(c, d);
  out[0] = _mm_unpacklo_epi64(ab, cd);
  out[1] = _mm_unpackhi_epi64(ab, cd);
  out[2] = _mm_unpacklo_epi64(ef, gh);
  out[3] = _mm_unpackhi_epi64(ef, gh);
}
LEMMA_SIMD void storeLanes(std::byte* p, int64_t, I v) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), v); }
LEMMA_SIMD I everyLane(__m128i v) { return v; }
LEMMA_SIMD I bset(int x) { return _mm_set1_epi8(char(x)); }
LEMMA_SIMD I band(I a, I b) { return _mm_and_si128(a, b); }
LEMMA_SIMD I bor(I a, I b) { return _mm_or_si128(a, b); }
LEMMA_SIMD I badd(I a, I b) { return _mm_add_epi8(a, b); }
LEMMA_SIMD I bsub(I a, I b) { return _mm_sub_epi8(a, b); }
LEMMA_SIMD I wset(int x) { return _mm_set1_epi16(short(x)); }
LEMMA_SIMD I wmul(I a, I b) { return _mm_mullo_epi16(a, b); }
template <int kBits>
LEMMA_SIMD I wshift(I v) {  // right
  return _mm_srli_epi16(v, kBits);
}
LEMMA_SIMD I btimes16(I v) { return _mm_slli_epi16(v, 4); }  // of bytes below 16
LEMMA_SIMD I lookUp(I table, I index) { return _mm_shuffle_epi8(table, index); }
LEMMA_SIMD I addWhereAll(I x, I v, I bits, int more) {
  return badd(x, band(_mm_cmpeq_epi8(band(v, bits), bits), bset(more)));
}
LEMMA_SIMD I addWhereAtLeast(I x, I v, int least) {  // 1 where v, without sign, reaches it
  return bsub(x, _mm_cmpeq_epi8(_mm_max_epu8(v, bset(least)), v));
}
LEMMA_SIMD I maskOf(uint64_t bytes) {
  const I spread = lookUp(_mm_set1_epi16(short(bytes)), _mm_set_epi64x(0x0101010101010101, 0));
  const I bit = _mm_set1_epi64x(int64_t(0x8040201008040201));
  return _mm_cmpeq_epi8(band(spread, bit), bit);
}
LEMMA_SIMD I addWhere(I x, uint64_t bytes, int more) { return badd(x, band(maskOf(bytes), bset(more))); }
LEMMA_SIMD I mirrorWhere(I x, uint64_t bytes, int sum) { return _mm_blendv_epi8(x, bsub(bset(sum), x), maskOf(bytes)); }
LEMMA_SIMD I shiftLanes(I v, const int* n) { return _mm_srli_epi32(v, n[0]); }

LEMMA_SIMD void storeBytes(const F* v, std::byte* first, std::byte* second, int32_t* sums) {
  I sum[2] = {izero(), izero()}, words[4];
  for (int i = 0; i < 4; ++i) {
    const I a = toInt(v[2 * i]), b = toInt(v[2 * i + 1]);
    sum[i / 2] = iadd(sum[i / 2], iadd(a, b));
    words[i] = _mm_packs_epi32(a, b);
  }
  _mm_storeu_si128(reinterpret_cast<__m128i*>(first), _mm_packs_epi16(words[0], words[1]));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(second), _mm_packs_epi16(words[2], words[3]));
  sums[0] = isum(sum[0]);
  sums[1] = isum(sum[1]);
}

// The first `count` of kLanes floats, zeros behind.
LEMMA_SIMD F firstOf(const float* p, int count) {
  const I lanes = _mm_setr_epi32(0, 1, 2, 3);
  return _mm_and_ps(_mm_castsi128_ps(_mm_cmplt_epi32(lanes, iset(count))), fload(p));
}

}  // namespace lemma::cpu::LEMMA_CPU_TARGET
