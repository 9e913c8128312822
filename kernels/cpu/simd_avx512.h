// 512-bit vectors for the kernels: AVX-512 F, BW, VL, DQ, and VNNI's dot product where the file is compiled with it.
// Included by one file a target, into that target's own namespace; pure functions, any thread.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace lemma::cpu::LEMMA_CPU_TARGET {

#define LEMMA_SIMD [[gnu::always_inline]] static inline

constexpr int kLanes = 16;      // floats of a vector
constexpr int kGroup = 4;       // 128-bit lanes of a vector = blocks of 32 weights taken at once
constexpr int kTileRows = 6;    // rows of one GEMM tile
constexpr int kTileVecs = 2;    // vectors of outputs of one GEMM tile
constexpr int kFloatVecs = 4;   // the same for float tiles
constexpr int kMaxStreams = 8;  // accumulators of one mat-vec step: weight rows x tokens

using F = __m512;
using I = __m512i;

LEMMA_SIMD F fzero() { return _mm512_setzero_ps(); }
LEMMA_SIMD F fset(float x) { return _mm512_set1_ps(x); }
LEMMA_SIMD F fload(const float* p) { return _mm512_loadu_ps(p); }
LEMMA_SIMD void fstore(float* p, F v) { _mm512_storeu_ps(p, v); }
LEMMA_SIMD F fadd(F a, F b) { return _mm512_add_ps(a, b); }
LEMMA_SIMD F fsub(F a, F b) { return _mm512_sub_ps(a, b); }
LEMMA_SIMD F fmul(F a, F b) { return _mm512_mul_ps(a, b); }
LEMMA_SIMD F fdiv(F a, F b) { return _mm512_div_ps(a, b); }
LEMMA_SIMD F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
LEMMA_SIMD F fmax(F a, F b) { return _mm512_max_ps(a, b); }
LEMMA_SIMD F fmin(F a, F b) { return _mm512_min_ps(a, b); }
LEMMA_SIMD F fabs(F a) { return _mm512_abs_ps(a); }
LEMMA_SIMD F zeroBelow(F v, F x, float limit) {
  return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, fset(limit), _CMP_NLT_UQ), v);
}
LEMMA_SIMD F loadHalf(const void* p) { return _mm512_cvtph_ps(_mm256_loadu_si256(static_cast<const __m256i*>(p))); }
LEMMA_SIMD F loadBfloat(const void* p) {
  return _mm512_castsi512_ps(
      _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(static_cast<const __m256i*>(p))), 16));
}
// 8-bit floats (1, 4 and 3 bits), 2^-8 of each: as halves their exponents are 8 too small, subnormals included. One
// more than the largest would carry into the exponent's highest bit, and makes the NaN one.
LEMMA_SIMD F smallHalves(const void* p) {
  const __m256i v = _mm256_slli_epi16(_mm256_cvtepi8_epi16(_mm_loadu_si128(static_cast<const __m128i*>(p))), 7);
  const __m256i h = _mm256_and_si256(v, _mm256_set1_epi16(short(0xbfff)));
  const __m256i nan = _mm256_and_si256(_mm256_add_epi16(h, _mm256_set1_epi16(0x80)), _mm256_set1_epi16(0x4000));
  return _mm512_cvtph_ps(_mm256_or_si256(h, nan));
}
LEMMA_SIMD F loadBytes(const void* p) {  // signed
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p))));
}
#if defined(__AVX512VNNI__)
#define LEMMA_HAS_GATHERS 1
LEMMA_SIMD I gatherQwords(const uint64_t* from, __m128i words) {  // by eight numbers of 16 bits
  return _mm512_i64gather_epi64(_mm512_cvtepu16_epi64(words), from, 8);
}
#endif
#define LEMMA_HAS_TO_HALF 1
LEMMA_SIMD void storeHalf(void* p, F v) {
  _mm256_storeu_si256(static_cast<__m256i*>(p), _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}

LEMMA_SIMD I izero() { return _mm512_setzero_si512(); }
LEMMA_SIMD I iset(int32_t x) { return _mm512_set1_epi32(x); }
LEMMA_SIMD I iload(const void* p) { return _mm512_loadu_si512(p); }
LEMMA_SIMD I iadd(I a, I b) { return _mm512_add_epi32(a, b); }
LEMMA_SIMD F toFloat(I v) { return _mm512_cvtepi32_ps(v); }
LEMMA_SIMD I toInt(F v) { return _mm512_cvtps_epi32(v); }
LEMMA_SIMD F exponent(I n) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(n, iset(127)), 23)); }
LEMMA_SIMD int32_t isum(I v) { return _mm512_reduce_add_epi32(v); }
// The largest of floats that are not negative, by their bits: a NaN is above all numbers then and is not lost.
LEMMA_SIMD F maxBits(F a, F b) {
  return _mm512_castsi512_ps(_mm512_max_epi32(_mm512_castps_si512(a), _mm512_castps_si512(b)));
}
LEMMA_SIMD float hmaxBits(F v) {
  return _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(_mm512_reduce_max_epi32(_mm512_castps_si512(v)))));
}
LEMMA_SIMD float hmax(F v) { return _mm512_reduce_max_ps(v); }

// Sums of four vectors; each in the same fixed order, whichever of the four it is.
LEMMA_SIMD __m128 sum4(F a, F b, F c, F d) {
  const F ab = fadd(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
  const F cd = fadd(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
  const F all = fadd(_mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd))),
                     _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd))));
  const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(all), _mm512_extractf32x8_ps(all, 1));
  return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

// Scale `step` (0..3) of every quarter: lane i of a group gets scales[step * kGroup + i / 4].
template <int kStep>
LEMMA_SIMD F spread(F scales) {
  const I index = _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0);
  return _mm512_permutexvar_ps(_mm512_add_epi32(index, iset(kStep * 4)), scales);
}

// Dot products of four neighbouring bytes each, added to acc: of levels 0..128 (0..255 with VNNI) or of signed bytes.
#if defined(__AVX512VNNI__)
constexpr int kByteZero = 128;   // signed bytes are taken as w + 128
constexpr int kPanelZero = 128;  // likewise in panels, for unsigned levels too
template <bool kSigned>
LEMMA_SIMD I dotBytes(I acc, I w, I x) {
  static_assert(!kSigned);
  return _mm512_dpbusd_epi32(acc, w, x);
}
LEMMA_SIMD I panelStart(int32_t start, bool) { return iset(start); }
#else
constexpr int kByteZero = 0;    // signed bytes stay signed
constexpr int kPanelZero = 64;  // levels in panels; up to 128 times -127..127 fit the sum of two products
LEMMA_SIMD I widen(I acc, I pairs) { return _mm512_add_epi32(acc, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1))); }
template <bool kSigned>
LEMMA_SIMD I dotBytes(I acc, I w, I x) {
  if constexpr (!kSigned) return widen(acc, _mm512_maddubs_epi16(w, x));
  const I flipped = _mm512_mask_sub_epi8(x, _mm512_movepi8_mask(w), izero(), x);  // |w| times x with w's sign
  return widen(acc, _mm512_maddubs_epi16(_mm512_abs_epi8(w), flipped));
}
LEMMA_SIMD I panelStart(int32_t start, bool zero) { return zero ? iset(start >> 1) : izero(); }
#endif

// Words: pairs of 16-bit integers that a product takes at once. Tiles of attention are kWordRows x kWordVecs vectors.
constexpr int kWordRows = 8;
constexpr int kWordVecs = 3;
#if defined(__AVX512VNNI__)
LEMMA_SIMD I dotWords(I acc, I a, I b) {  // of the intrinsic GCC 12 copies each sum before it adds to it
  __asm__("vpdpwssd %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b));
  return acc;
}
#else
LEMMA_SIMD I dotWords(I acc, I a, I b) { return _mm512_add_epi32(acc, _mm512_madd_epi16(a, b)); }
#endif
// Of integers that fit 16 bits: lane i holds low[i] and high[i].
LEMMA_SIMD I pairWords(I low, I high) { return _mm512_mask_blend_epi16(0xaaaaaaaau, low, _mm512_slli_epi32(high, 16)); }
LEMMA_SIMD void storeWords(void* p, I v) { _mm256_storeu_si256(static_cast<__m256i*>(p), _mm512_cvtsepi32_epi16(v)); }
// a where x < limit, otherwise b.
LEMMA_SIMD F selectBelow(F a, F b, F x, F limit) {
  return _mm512_mask_mov_ps(b, _mm512_cmp_ps_mask(x, limit, _CMP_LT_OQ), a);
}
// 2^x to 3e-6 of itself, for x up to 127; exactly 1 for 0. Its fraction's power by a polynomial of least error that is
// 1 at 0, scaled by the floor.
#define LEMMA_HAS_POWER_OF_TWO 1
LEMMA_SIMD F powerOfTwo(F x) {
  const F f = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
  F p = fma(fset(0.013426689f), f, fset(0.052242467f));
  p = fma(p, f, fset(0.241280208f));
  p = fma(p, f, fset(0.693044845f));
  p = fma(p, f, fset(1.0f));
  return _mm512_scalef_ps(p, x);
}

// Bytes, where formats are unpacked.
LEMMA_SIMD I lanesOf(const __m128i* v) {
  const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(v[0]), v[1], 1);
  const __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(v[2]), v[3], 1);
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}
// Dwords of four vectors, lane by lane: out[k] has dword k of all four.
LEMMA_SIMD void transposeLanes(I a, I b, I c, I d, I* out) {
  const I ab = _mm512_unpacklo_epi32(a, b), cd = _mm512_unpacklo_epi32(c, d);
  const I ef = _mm512_unpackhi_epi32(a, b), gh = _mm512_unpackhi_epi32(c, d);
  out[0] = _mm512_unpacklo_epi64(ab, cd);
  out[1] = _mm512_unpackhi_epi64(ab, cd);
  out[2] = _mm512_unpacklo_epi64(ef, gh);
  out[3] = _mm512_unpackhi_epi64(ef, gh);
}
LEMMA_SIMD void storeLanes(std::byte* p, int64_t stride, I v) {
  const auto put = [&](int i, __m128i lane) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p + i * stride), lane); };
  put(0, _mm512_castsi512_si128(v));
  put(1, _mm512_extracti32x4_epi32(v, 1));
  put(2, _mm512_extracti32x4_epi32(v, 2));
  put(3, _mm512_extracti32x4_epi32(v, 3));
}
LEMMA_SIMD I everyLane(__m128i v) { return _mm512_broadcast_i32x4(v); }
LEMMA_SIMD I bset(int x) { return _mm512_set1_epi8(char(x)); }
LEMMA_SIMD I band(I a, I b) { return _mm512_and_si512(a, b); }
LEMMA_SIMD I bor(I a, I b) { return _mm512_or_si512(a, b); }
LEMMA_SIMD I badd(I a, I b) { return _mm512_add_epi8(a, b); }
LEMMA_SIMD I wset(int x) { return _mm512_set1_epi16(short(x)); }
LEMMA_SIMD I wmul(I a, I b) { return _mm512_mullo_epi16(a, b); }
template <int kBits>
LEMMA_SIMD I wshift(I v) {  // right
  return _mm512_srli_epi16(v, kBits);
}
LEMMA_SIMD I btimes16(I v) { return _mm512_slli_epi16(v, 4); }  // of bytes below 16
LEMMA_SIMD I lookUp(I table, I index) { return _mm512_shuffle_epi8(table, index); }
LEMMA_SIMD I addWhereAll(I x, I v, I bits, int more) {  // where all of `bits` are set in v
  return _mm512_mask_add_epi8(x, _mm512_test_epi8_mask(v, bits), x, bset(more));
}
LEMMA_SIMD I addWhereAtLeast(I x, I v, int least) {  // 1 where v, without sign, reaches it
  return _mm512_mask_add_epi8(x, _mm512_cmpge_epu8_mask(v, bset(least)), x, bset(1));
}
LEMMA_SIMD I addWhere(I x, uint64_t bytes, int more) { return _mm512_mask_add_epi8(x, bytes, x, bset(more)); }
LEMMA_SIMD I mirrorWhere(I x, uint64_t bytes, int sum) { return _mm512_mask_sub_epi8(x, bytes, bset(sum), x); }
// Dwords of lane i shifted right by n[i].
LEMMA_SIMD I shiftLanes(I v, const int* n) {
  return _mm512_srlv_epi32(v, _mm512_set_epi32(n[3], n[3], n[3], n[3], n[2], n[2], n[2], n[2], n[1], n[1], n[1], n[1],
                                               n[0], n[0], n[0], n[0]));
}

// 32 floats, already scaled, to bytes: the first 16 and the second 16, and the sum of each.
LEMMA_SIMD void storeBytes(const F* v, std::byte* first, std::byte* second, int32_t* sums) {
  const I a = toInt(v[0]), b = toInt(v[1]);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(first), _mm512_cvtsepi32_epi8(a));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(second), _mm512_cvtsepi32_epi8(b));
  sums[0] = isum(a);
  sums[1] = isum(b);
}

// The first `count` of kLanes floats, zeros behind.
LEMMA_SIMD F firstOf(const float* p, int count) { return _mm512_maskz_loadu_ps(__mmask16((1u << count) - 1), p); }

}  // namespace lemma::cpu::LEMMA_CPU_TARGET
