// Lanes of 128 bits, in which formats are taken apart whatever the width of a target's vectors: SSE's, in VEX encoding
// where the file is compiled with AVX. lane_neon.h says the same for AArch64. Included once a target, after its
// simd_*.h; pure functions, any thread.
//   bytes, words, dwords and qwords are integers of 8, 16, 32 and 64 bits; l..Right shifts without sign unless it says
//   so lzip..       elements of both in turn, of the low halves or of the high ones lreorder     bytes of v by their
//   numbers; a number with bit 7 set gives zero, the others are below 16
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace lemma::cpu::LEMMA_CPU_TARGET {

using Lane = __m128i;
using Four = __m128;  // floats

LEMMA_SIMD Lane load16(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
LEMMA_SIMD Lane load8(const void* p) { return _mm_loadl_epi64(static_cast<const __m128i*>(p)); }
LEMMA_SIMD Lane ldword(int32_t x) { return _mm_cvtsi32_si128(x); }
LEMMA_SIMD Lane load4(const void* p) {
  int32_t x;
  memcpy(&x, p, 4);
  return ldword(x);
}
LEMMA_SIMD void lstore(void* p, Lane v) { _mm_storeu_si128(static_cast<__m128i*>(p), v); }

LEMMA_SIMD Lane lzero() { return _mm_setzero_si128(); }
LEMMA_SIMD Lane lbytes(int all) { return _mm_set1_epi8(char(all)); }
LEMMA_SIMD Lane lwords(int all) { return _mm_set1_epi16(short(all)); }
LEMMA_SIMD Lane ldwords(int32_t all) { return _mm_set1_epi32(all); }
LEMMA_SIMD Lane lbytes(int a, int b, int c, int d, int e, int f, int g, int h, int i, int j, int k, int l, int m, int n,
                       int o, int p) {
  return _mm_setr_epi8(char(a), char(b), char(c), char(d), char(e), char(f), char(g), char(h), char(i), char(j),
                       char(k), char(l), char(m), char(n), char(o), char(p));
}
LEMMA_SIMD Lane lwords(int a, int b, int c, int d, int e, int f, int g, int h) {
  return _mm_setr_epi16(short(a), short(b), short(c), short(d), short(e), short(f), short(g), short(h));
}
LEMMA_SIMD Lane ldwords(int32_t a, int32_t b, int32_t c, int32_t d) { return _mm_setr_epi32(a, b, c, d); }
LEMMA_SIMD Lane lqwords(uint64_t a, uint64_t b) { return _mm_set_epi64x(int64_t(b), int64_t(a)); }

LEMMA_SIMD Lane land(Lane a, Lane b) { return _mm_and_si128(a, b); }
LEMMA_SIMD Lane lor(Lane a, Lane b) { return _mm_or_si128(a, b); }
LEMMA_SIMD Lane lxor(Lane a, Lane b) { return _mm_xor_si128(a, b); }
LEMMA_SIMD Lane landNot(Lane without, Lane v) { return _mm_andnot_si128(without, v); }
LEMMA_SIMD Lane lselect(Lane a, Lane b, Lane mask) { return _mm_blendv_epi8(a, b, mask); }  // b where it is set

LEMMA_SIMD Lane laddBytes(Lane a, Lane b) { return _mm_add_epi8(a, b); }
LEMMA_SIMD Lane lsubBytes(Lane a, Lane b) { return _mm_sub_epi8(a, b); }
LEMMA_SIMD Lane laddDwords(Lane a, Lane b) { return _mm_add_epi32(a, b); }
LEMMA_SIMD Lane lsubDwords(Lane a, Lane b) { return _mm_sub_epi32(a, b); }
LEMMA_SIMD Lane lmulWords(Lane a, Lane b) { return _mm_mullo_epi16(a, b); }
LEMMA_SIMD Lane lequalBytes(Lane a, Lane b) { return _mm_cmpeq_epi8(a, b); }
LEMMA_SIMD Lane laboveDwords(Lane a, Lane b) { return _mm_cmpgt_epi32(a, b); }

LEMMA_SIMD Lane lwordsRight(Lane v, int n) { return _mm_srli_epi16(v, n); }
LEMMA_SIMD Lane lwordsRightSigned(Lane v, int n) { return _mm_srai_epi16(v, n); }
LEMMA_SIMD Lane lwordsLeft(Lane v, int n) { return _mm_slli_epi16(v, n); }
LEMMA_SIMD Lane ldwordsRight(Lane v, int n) { return _mm_srli_epi32(v, n); }
LEMMA_SIMD Lane ldwordsLeft(Lane v, int n) { return _mm_slli_epi32(v, n); }

LEMMA_SIMD Lane lzipBytes(Lane a, Lane b) { return _mm_unpacklo_epi8(a, b); }
LEMMA_SIMD Lane lzipHighBytes(Lane a, Lane b) { return _mm_unpackhi_epi8(a, b); }
LEMMA_SIMD Lane lzipWords(Lane a, Lane b) { return _mm_unpacklo_epi16(a, b); }
LEMMA_SIMD Lane lzipHighWords(Lane a, Lane b) { return _mm_unpackhi_epi16(a, b); }
LEMMA_SIMD Lane lzipDwords(Lane a, Lane b) { return _mm_unpacklo_epi32(a, b); }
LEMMA_SIMD Lane lzipHighDwords(Lane a, Lane b) { return _mm_unpackhi_epi32(a, b); }
LEMMA_SIMD Lane lzipQwords(Lane a, Lane b) { return _mm_unpacklo_epi64(a, b); }
LEMMA_SIMD Lane lzipHighQwords(Lane a, Lane b) { return _mm_unpackhi_epi64(a, b); }
LEMMA_SIMD Lane lreorder(Lane v, Lane order) { return _mm_shuffle_epi8(v, order); }
LEMMA_SIMD Lane lpackWords(Lane a, Lane b) { return _mm_packus_epi16(a, b); }  // of 0 to 255
LEMMA_SIMD Lane levenDwords(Lane a, Lane b) {                                  // 0 and 2 of each
  return _mm_castps_si128(_mm_shuffle_ps(_mm_castsi128_ps(a), _mm_castsi128_ps(b), 0x88));
}
LEMMA_SIMD Lane loddDwords(Lane a, Lane b) {  // 1 and 3 of each
  return _mm_castps_si128(_mm_shuffle_ps(_mm_castsi128_ps(a), _mm_castsi128_ps(b), _MM_SHUFFLE(3, 1, 3, 1)));
}
LEMMA_SIMD Lane llastDwords(Lane v) { return _mm_shuffle_epi32(v, 0xff); }  // 3, four times
// Dword 2 of b between the others of a.
LEMMA_SIMD Lane lwithDword2(Lane a, Lane b) { return _mm_blend_epi16(a, b, 0x30); }
template <int kBytes>
LEMMA_SIMD Lane lskip(Lane v) {  // the bytes from kBytes on, zeros behind
  return _mm_srli_si128(v, kBytes);
}
template <int i>
LEMMA_SIMD uint64_t lqword(Lane v) {
  if constexpr (i == 0) return uint64_t(_mm_cvtsi128_si64(v));
  return uint64_t(_mm_extract_epi64(v, i));
}

LEMMA_SIMD Four set4(float x) { return _mm_set1_ps(x); }
LEMMA_SIMD void store4(float* p, Four v) { _mm_storeu_ps(p, v); }
LEMMA_SIMD Four mul4(Four a, Four b) { return _mm_mul_ps(a, b); }
LEMMA_SIMD Four toFloat4(Lane v) { return _mm_cvtepi32_ps(v); }
LEMMA_SIMD Four asFloat4(Lane bits) { return _mm_castsi128_ps(bits); }
LEMMA_SIMD float first4(Four v) { return _mm_cvtss_f32(v); }
LEMMA_SIMD float second4(Four v) { return _mm_cvtss_f32(_mm_movehdup_ps(v)); }
LEMMA_SIMD Four one4(float x) { return _mm_set_ss(x); }   // in the first, zeros behind
LEMMA_SIMD Four root4(Four v) { return _mm_sqrt_ss(v); }  // of the first

// Eight integers of 8 bits times `factor`, to out.
template <bool kUnsigned>
LEMMA_SIMD void storeScaled(Lane bytes, float factor, float* out) {
#if defined(__AVX2__)
  const __m256i wide = kUnsigned ? _mm256_cvtepu8_epi32(bytes) : _mm256_cvtepi8_epi32(bytes);
  _mm256_storeu_ps(out, _mm256_mul_ps(_mm256_cvtepi32_ps(wide), _mm256_set1_ps(factor)));
#else
  for (int i = 0; i < 2; ++i, bytes = lskip<4>(bytes)) {
    const Lane wide = kUnsigned ? _mm_cvtepu8_epi32(bytes) : _mm_cvtepi8_epi32(bytes);
    store4(out + 4 * i, mul4(toFloat4(wide), set4(factor)));
  }
#endif
}

// Of the first four words.
LEMMA_SIMD Four halvesToFloats(Lane four) {
#if defined(__F16C__)
  return _mm_cvtph_ps(four);
#else
  return halvesOf(_mm_cvtepu16_epi32(four));
#endif
}

}  // namespace lemma::cpu::LEMMA_CPU_TARGET
