// 256-bit vectors for the kernels: AVX2, FMA, F16C, and AVX-VNNI's dot product where the file is compiled with it.
// Included by one file a target, into that target's own namespace; pure functions, any thread.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace lemma::cpu::LEMMA_CPU_TARGET {

#define LEMMA_SIMD [[gnu::always_inline]] static inline

constexpr int kLanes = 8;
constexpr int kGroup = 2;
constexpr int kTileRows = 2;
constexpr int kTileVecs = 2;
constexpr int kFloatVecs = 2;
constexpr int kMaxStreams = 4;

using F = __m256;
using I = __m256i;

LEMMA_SIMD F fzero() { return _mm256_setzero_ps(); }
LEMMA_SIMD F fset(float x) { return _mm256_set1_ps(x); }
LEMMA_SIMD F fload(const float* p) { return _mm256_loadu_ps(p); }
LEMMA_SIMD void fstore(float* p, F v) { _mm256_storeu_ps(p, v); }
LEMMA_SIMD F fadd(F a, F b) { return _mm256_add_ps(a, b); }
LEMMA_SIMD F fsub(F a, F b) { return _mm256_sub_ps(a, b); }
LEMMA_SIMD F fmul(F a, F b) { return _mm256_mul_ps(a, b); }
LEMMA_SIMD F fdiv(F a, F b) { return _mm256_div_ps(a, b); }
LEMMA_SIMD F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
LEMMA_SIMD F fmax(F a, F b) { return _mm256_max_ps(a, b); }
LEMMA_SIMD F fmin(F a, F b) { return _mm256_min_ps(a, b); }
LEMMA_SIMD F fabs(F a) { return _mm256_andnot_ps(fset(-0.0f), a); }
LEMMA_SIMD F zeroBelow(F v, F x, float limit) { return _mm256_and_ps(_mm256_cmp_ps(x, fset(limit), _CMP_NLT_UQ), v); }
LEMMA_SIMD F loadHalf(const void* p) { return _mm256_cvtph_ps(_mm_loadu_si128(static_cast<const __m128i*>(p))); }
LEMMA_SIMD F loadBfloat(const void* p) {
  return _mm256_castsi256_ps(
      _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p))), 16));
}
// 8-bit floats (1, 4 and 3 bits), 2^-8 of each: as halves their exponents are 8 too small, subnormals included. One
// more than the largest would carry into the exponent's highest bit, and makes the NaN one.
LEMMA_SIMD F smallHalves(const void* p) {
  const __m128i v = _mm_slli_epi16(_mm_cvtepi8_epi16(_mm_loadl_epi64(static_cast<const __m128i*>(p))), 7);
  const __m128i h = _mm_and_si128(v, _mm_set1_epi16(short(0xbfff)));
  const __m128i nan = _mm_and_si128(_mm_add_epi16(h, _mm_set1_epi16(0x80)), _mm_set1_epi16(0x4000));
  return _mm256_cvtph_ps(_mm_or_si128(h, nan));
}
LEMMA_SIMD F loadBytes(const void* p) {  // signed
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(static_cast<const __m128i*>(p))));
}
#define LEMMA_HAS_TO_HALF 1
LEMMA_SIMD void storeHalf(void* p, F v) {
  _mm_storeu_si128(static_cast<__m128i*>(p), _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}

LEMMA_SIMD I izero() { return _mm256_setzero_si256(); }
LEMMA_SIMD I iset(int32_t x) { return _mm256_set1_epi32(x); }
LEMMA_SIMD I iload(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
LEMMA_SIMD I iadd(I a, I b) { return _mm256_add_epi32(a, b); }
LEMMA_SIMD F toFloat(I v) { return _mm256_cvtepi32_ps(v); }
LEMMA_SIMD I toInt(F v) { return _mm256_cvtps_epi32(v); }
LEMMA_SIMD F exponent(I n) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, iset(127)), 23)); }
LEMMA_SIMD int32_t isum(I v) {
  __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}
// The largest of floats that are not negative, by their bits: a NaN is above all numbers then and is not lost.
LEMMA_SIMD F maxBits(F a, F b) {
  return _mm256_castsi256_ps(_mm256_max_epi32(_mm256_castps_si256(a), _mm256_castps_si256(b)));
}
LEMMA_SIMD float hmaxBits(F v) {
  const __m256i bits = _mm256_castps_si256(v);
  __m128i m = _mm_max_epi32(_mm256_castsi256_si128(bits), _mm256_extracti128_si256(bits, 1));
  m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0x4e));
  m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0xb1));
  return _mm_cvtss_f32(_mm_castsi128_ps(m));
}
LEMMA_SIMD float hmax(F v) {
  __m128 m = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  m = _mm_max_ps(m, _mm_movehl_ps(m, m));
  return _mm_cvtss_f32(_mm_max_ss(m, _mm_shuffle_ps(m, m, 1)));
}

LEMMA_SIMD __m128 sum4(F a, F b, F c, F d) {
  const F ab = fadd(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
  const F cd = fadd(_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
  const F all = fadd(_mm256_castpd_ps(_mm256_unpacklo_pd(_mm256_castps_pd(ab), _mm256_castps_pd(cd))),
                     _mm256_castpd_ps(_mm256_unpackhi_pd(_mm256_castps_pd(ab), _mm256_castps_pd(cd))));
  return _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1));
}

template <int kStep>
LEMMA_SIMD F spread(F scales) {
  constexpr int a = kStep * 2, b = a + 1;
  return _mm256_permutevar8x32_ps(scales, _mm256_setr_epi32(a, a, a, a, b, b, b, b));
}

// Words: pairs of 16-bit integers that a product takes at once. Tiles of attention are kWordRows x kWordVecs vectors.
constexpr int kWordRows = 4;
constexpr int kWordVecs = 2;
#if defined(__AVXVNNI__)
LEMMA_SIMD I dotWords(I acc, I a, I b) {  // of the intrinsic GCC 12 copies each sum before it adds to it
  __asm__("%{vex%} vpdpwssd %2, %1, %0" : "+x"(acc) : "x"(a), "x"(b));
  return acc;
}
#else
LEMMA_SIMD I dotWords(I acc, I a, I b) { return _mm256_add_epi32(acc, _mm256_madd_epi16(a, b)); }
#endif
// Of integers that fit 16 bits: lane i holds low[i] and high[i].
LEMMA_SIMD I pairWords(I low, I high) { return _mm256_blend_epi16(low, _mm256_slli_epi32(high, 16), 0xaa); }
LEMMA_SIMD void storeWords(void* p, I v) {
  const __m128i packed = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  _mm_storeu_si128(static_cast<__m128i*>(p), packed);
}
// a where x < limit, otherwise b.
LEMMA_SIMD F selectBelow(F a, F b, F x, F limit) { return _mm256_blendv_ps(b, a, _mm256_cmp_ps(x, limit, _CMP_LT_OQ)); }

// What these mean is told in simd_avx512.h.
#if defined(__AVXVNNI__)
constexpr int kByteZero = 128;
constexpr int kPanelZero = 128;
template <bool kSigned>
LEMMA_SIMD I dotBytes(I acc, I w, I x) {
  static_assert(!kSigned);
  return _mm256_dpbusd_avx_epi32(acc, w, x);
}
LEMMA_SIMD I panelStart(int32_t start, bool) { return iset(start); }
#else
constexpr int kByteZero = 0;
constexpr int kPanelZero = 64;
LEMMA_SIMD I widen(I acc, I pairs) { return _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1))); }
template <bool kSigned>
LEMMA_SIMD I dotBytes(I acc, I w, I x) {
  if constexpr (!kSigned) return widen(acc, _mm256_maddubs_epi16(w, x));
  return widen(acc, _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w)));
}
LEMMA_SIMD I panelStart(int32_t start, bool zero) { return zero ? iset(start >> 1) : izero(); }
#endif

LEMMA_SIMD I lanesOf(const __m128i* v) { return _mm256_inserti128_si256(_mm256_castsi128_si256(v[0]), v[1], 1); }
// Dwords of four vectors, lane by lane: out[k] has dword k of all four.
LEMMA_SIMD void transposeLanes(I a, I b, I c, I d, I* out) {
  const I ab = _mm256_unpacklo_epi32(a, b), cd = _mm256_unpacklo_epi32(c, d);
  const I ef = _mm256_unpackhi_epi32(a, b), gh = _mm256_unpackhi_epi32(c, d);
  out[0] = _mm256_unpacklo_epi64(ab, cd);
  out[1] = _mm256_unpackhi_epi64(ab, cd);
  out[2] = _mm256_unpacklo_epi64(ef, gh);
  out[3] = _mm256_unpackhi_epi64(ef, gh);
}
LEMMA_SIMD void storeLanes(std::byte* p, int64_t stride, I v) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_castsi256_si128(v));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p + stride), _mm256_extracti128_si256(v, 1));
}
LEMMA_SIMD I everyLane(__m128i v) { return _mm256_broadcastsi128_si256(v); }
LEMMA_SIMD I bset(int x) { return _mm256_set1_epi8(char(x)); }
LEMMA_SIMD I band(I a, I b) { return _mm256_and_si256(a, b); }
LEMMA_SIMD I bor(I a, I b) { return _mm256_or_si256(a, b); }
LEMMA_SIMD I badd(I a, I b) { return _mm256_add_epi8(a, b); }
LEMMA_SIMD I bsub(I a, I b) { return _mm256_sub_epi8(a, b); }
LEMMA_SIMD I wset(int x) { return _mm256_set1_epi16(short(x)); }
LEMMA_SIMD I wmul(I a, I b) { return _mm256_mullo_epi16(a, b); }
template <int kBits>
LEMMA_SIMD I wshift(I v) {  // right
  return _mm256_srli_epi16(v, kBits);
}
LEMMA_SIMD I btimes16(I v) { return _mm256_slli_epi16(v, 4); }  // of bytes below 16
LEMMA_SIMD I lookUp(I table, I index) { return _mm256_shuffle_epi8(table, index); }
LEMMA_SIMD I addWhereAll(I x, I v, I bits, int more) {
  return badd(x, band(_mm256_cmpeq_epi8(band(v, bits), bits), bset(more)));
}
LEMMA_SIMD I addWhereAtLeast(I x, I v, int least) {  // 1 where v, without sign, reaches it
  return bsub(x, _mm256_cmpeq_epi8(_mm256_max_epu8(v, bset(least)), v));
}
LEMMA_SIMD I maskOf(uint64_t bytes) {
  const I spread = lookUp(_mm256_set1_epi32(int(bytes)),
                          _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303));
  const I bit = _mm256_set1_epi64x(int64_t(0x8040201008040201));
  return _mm256_cmpeq_epi8(band(spread, bit), bit);
}
LEMMA_SIMD I addWhere(I x, uint64_t bytes, int more) { return badd(x, band(maskOf(bytes), bset(more))); }
LEMMA_SIMD I mirrorWhere(I x, uint64_t bytes, int sum) {
  return _mm256_blendv_epi8(x, bsub(bset(sum), x), maskOf(bytes));
}
LEMMA_SIMD I shiftLanes(I v, const int* n) {
  return _mm256_srlv_epi32(v, _mm256_setr_epi32(n[0], n[0], n[0], n[0], n[1], n[1], n[1], n[1]));
}

LEMMA_SIMD void storeBytes(const F* v, std::byte* first, std::byte* second, int32_t* sums) {
  const I a = toInt(v[0]), b = toInt(v[1]), c = toInt(v[2]), d = toInt(v[3]);
  const auto pack = [](I x, I y) {
    const I words = _mm256_permute4x64_epi64(_mm256_packs_epi32(x, y), 0xd8);
    return _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  };
  _mm_storeu_si128(reinterpret_cast<__m128i*>(first), pack(a, b));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(second), pack(c, d));
  sums[0] = isum(iadd(a, b));
  sums[1] = isum(iadd(c, d));
}

// The first `count` of kLanes floats, zeros behind.
LEMMA_SIMD F firstOf(const float* p, int count) {
  const I lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_maskload_ps(p, _mm256_cmpgt_epi32(iset(count), lanes));
}

}  // namespace lemma::cpu::LEMMA_CPU_TARGET
