// The scales of as many blocks as a vector has lanes, straight from the file into registers: stored block by block and
// loaded as a vector they would wait for the stores. Only of 512 bits, and of the formats named here; the others keep
// scales in memory (UnitRow). Included once a target, after all formats; pure functions, any thread.
//   firstScaleVectors<B>(units, count, scale, minimum)   of kLanes blocks at `units`, zero from `count` on; [2] of each
//                                                       with kHalves
#include "kernels/cpu/kernel_table.h"

namespace lemma::cpu::LEMMA_CPU_TARGET {

template <class B>
constexpr bool kScaleVectors = false;

// Levels that are not shifted down (kPlaces), each block's scale smaller instead: exact, as both are by powers of two.
// They may be above 128.
template <class B>
concept HasPlaces = requires {
  B::kPlaces;
};
template <class B>
constexpr bool kInPlace = HasPlaces<B>&& kScaleVectors<B>&& kByteZero == 128;

#if defined(__AVX512F__)

// Eight halves, kStride bytes apart: each is read with what lies before it, into its place.
template <int kStride>
LEMMA_SIMD __m128i eightHalves(const std::byte* p) {
  static_assert(kStride >= 16);
  const auto at = [&](int i) __attribute__((always_inline)) { return load16(p + i * (kStride - 2)); };
  const __m128i early = _mm_blend_epi16(_mm_blend_epi16(at(0), at(1), 2), _mm_blend_epi16(at(2), at(3), 8), 12);
  const __m128i late = _mm_blend_epi16(_mm_blend_epi16(at(4), at(5), 32), _mm_blend_epi16(at(6), at(7), 128), 192);
  return _mm_blend_epi16(early, late, 240);
}
template <class B>
LEMMA_SIMD F blockScales(const std::byte* units) {
  constexpr int kSize = B::kSize;
  return _mm512_cvtph_ps(_mm256_set_m128i(eightHalves<kSize>(units + 8 * kSize), eightHalves<kSize>(units)));
}

// Blocks that begin with a scale and a minimum, likewise in pairs.
template <class B>
LEMMA_SIMD void blockPairs(const std::byte* units, F* scale, F* minimum) {
  const auto four = [&](const std::byte* p) __attribute__((always_inline)) {
    const auto at = [&](int i) __attribute__((always_inline)) { return load16(p + i * (B::kSize - 4)); };
    return _mm_blend_epi32(_mm_blend_epi32(at(0), at(1), 2), _mm_blend_epi32(at(2), at(3), 8), 12);
  };
  const __m128i all[4] = {four(units), four(units + 4 * B::kSize), four(units + 8 * B::kSize),
                          four(units + 12 * B::kSize)};
  const I pairs = lanesOf(all);
  *scale = _mm512_cvtph_ps(_mm512_cvtepi32_epi16(pairs));
  *minimum = _mm512_cvtph_ps(_mm512_cvtepi32_epi16(_mm512_srli_epi32(pairs, 16)));
}

// Two units of 256 values: 8 integers of the first, then of the second, times the factor of each.
LEMMA_SIMD F twoFactors(float first, float second) { return _mm512_mask_mov_ps(fset(first), 0xff00, fset(second)); }
template <bool kUnsigned>
LEMMA_SIMD F scaled(__m128i bytes, F factors) {
  return fmul(toFloat(kUnsigned ? _mm512_cvtepu8_epi32(bytes) : _mm512_cvtepi8_epi32(bytes)), factors);
}

// 16 bytes of each unit, the 8 even ones to the first vector, the 8 odd ones to the second.
template <bool kUnsigned>
LEMMA_SIMD void scaledHalves(__m256i bytes, F factors, F* out) {
  const __m256i apart = _mm256_shuffle_epi8(
      bytes, _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15)));
  const __m256i halves = _mm256_permute4x64_epi64(apart, 0xd8);
  out[0] = scaled<kUnsigned>(_mm256_castsi256_si128(halves), factors);
  out[1] = scaled<kUnsigned>(_mm256_extracti128_si256(halves, 1), factors);
}
LEMMA_SIMD __m256i twoOf(__m128i first, __m128i second) { return _mm256_set_m128i(second, first); }

// Two pairs of halves, in dwords kFirst and kSecond: what each is the factor of, minima negative.
template <int kFirst, int kSecond>
LEMMA_SIMD void pairFactors(__m256i v, F& scale, F& minimum) {
  const __m256i order = _mm256_setr_epi32(kFirst, kSecond, 0, 0, 0, 0, 0, 0);
  const F four = _mm512_castps128_ps512(_mm_cvtph_ps(_mm256_castsi256_si128(_mm256_permutevar8x32_epi32(v, order))));
  const I second = _mm512_mask_mov_epi32(iset(0), 0xff00, iset(2));
  scale = _mm512_permutexvar_ps(second, four);
  minimum = fsub(fzero(), _mm512_permutexvar_ps(_mm512_add_epi32(second, iset(1)), four));
}

// Bits as storeKScales has them.
LEMMA_SIMD void kScaleVectorsOf(const std::byte* unit, int next, F* scale, F* minimum) {
  const __m256i v = twoOf(load16(unit), load16(unit + next));
  const auto lanesOfTwo = [](__m128i lane) __attribute__((always_inline)) { return _mm256_broadcastsi128_si256(lane); };
  const __m256i order = lanesOfTwo(_mm_setr_epi8(4, 5, 6, 7, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15));
  const __m256i tops = lanesOfTwo(_mm_setr_epi8(-1, -1, -1, -1, 4, 5, 6, 7, -1, -1, -1, -1, 8, 9, 10, 11));
  const __m256i mask = lanesOfTwo(_mm_setr_epi32(0x3f3f3f3f, 0x0f0f0f0f, 0x3f3f3f3f, 0x0f0f0f0f));
  const __m256i low =
      _mm256_and_si256(_mm256_srlv_epi32(_mm256_shuffle_epi8(v, order), lanesOfTwo(_mm_setr_epi32(0, 0, 0, 4))), mask);
  const __m256i top = _mm256_and_si256(_mm256_srli_epi32(_mm256_shuffle_epi8(v, tops), 2), _mm256_set1_epi8(0x30));
  const __m256i bytes = _mm256_permute4x64_epi64(_mm256_or_si256(low, top), 0xd8);
  F factor, least;
  pairFactors<0, 4>(v, factor, least);
  *scale = scaled<true>(_mm256_castsi256_si128(bytes), factor);
  *minimum = scaled<true>(_mm256_extracti128_si256(bytes, 1), least);
}

#define LEMMA_SCALE_VECTORS(Unit, ...)                                                                \
  template <>                                                                                         \
  constexpr bool kScaleVectors<Unit> = true;                                                          \
  LEMMA_SIMD void scaleVectors(Unit, const std::byte* units, F* scale, [[maybe_unused]] F* minimum) { \
    using B = Unit;                                                                                   \
    __VA_ARGS__;                                                                                      \
  }

LEMMA_SCALE_VECTORS(UnitQ4_0, *scale = blockScales<B>(units))
LEMMA_SCALE_VECTORS(UnitQ5_0, *scale = blockScales<B>(units))
LEMMA_SCALE_VECTORS(UnitQ8_0, *scale = blockScales<B>(units))
LEMMA_SCALE_VECTORS(UnitIQ4_NL, *scale = blockScales<B>(units))
LEMMA_SCALE_VECTORS(UnitQ4_1, blockPairs<B>(units, scale, minimum))
LEMMA_SCALE_VECTORS(UnitQ5_1, blockPairs<B>(units, scale, minimum))
LEMMA_SCALE_VECTORS(UnitQ4_K, kScaleVectorsOf(units, B::kBytes, scale, minimum))
LEMMA_SCALE_VECTORS(UnitQ5_K, kScaleVectorsOf(units, B::kBytes, scale, minimum))

template <>
constexpr bool kScaleVectors<UnitQ2_K> = true;
LEMMA_SIMD void scaleVectors(UnitQ2_K, const std::byte* units, F* scale, F* minimum) {
  using B = UnitQ2_K;
  const __m256i groups = twoOf(load16(units), load16(units + B::kBytes)), mask = _mm256_set1_epi8(15);
  constexpr int kFactors = offsetof(B::Block, scale);
  F factor, least;
  const __m128i pairs = _mm_unpacklo_epi32(load4(units + kFactors), load4(units + B::kBytes + kFactors));
  pairFactors<0, 1>(_mm256_castsi128_si256(pairs), factor, least);
  scaledHalves<true>(_mm256_and_si256(groups, mask), factor, scale);
  scaledHalves<true>(_mm256_and_si256(_mm256_srli_epi16(groups, 4), mask), least, minimum);
}

// Formats of halves that say the bytes and the factor of a unit.
template <class B>
LEMMA_SIMD void unitScales(const std::byte* units, F* scale) {
  scaledHalves<B::kUnsignedGroups>(twoOf(B::groups(units), B::groups(units + B::kBytes)),
                                   twoFactors(B::factor(units), B::factor(units + B::kBytes)), scale);
}
LEMMA_SCALE_VECTORS(UnitQ3_K, unitScales<B>(units, scale))
LEMMA_SCALE_VECTORS(UnitQ6_K, unitScales<B>(units, scale))
LEMMA_SCALE_VECTORS(UnitIQ2_XS, unitScales<B>(units, scale))
LEMMA_SCALE_VECTORS(UnitIQ2_S<PointByPoint>, unitScales<B>(units, scale))
LEMMA_SCALE_VECTORS(UnitIQ1_M<PointByPoint>, unitScales<B>(units, scale))

// The same without halves: eight bytes of each.
template <class B>
LEMMA_SIMD F unitScale(const std::byte* units) {
  return scaled<B::kUnsignedGroups>(_mm_unpacklo_epi64(B::groups(units), B::groups(units + B::kBytes)),
                                    twoFactors(B::factor(units), B::factor(units + B::kBytes)));
}
LEMMA_SCALE_VECTORS(UnitIQ4_XS, *scale = unitScale<B>(units))
LEMMA_SCALE_VECTORS(UnitIQ3_S, *scale = unitScale<B>(units))
LEMMA_SCALE_VECTORS(UnitIQ1_S<PointByPoint>, *scale = unitScale<B>(units))
#if defined(LEMMA_HAS_GATHERS)
LEMMA_SCALE_VECTORS(UnitIQ2_S<Gathered>, unitScales<B>(units, scale))
LEMMA_SCALE_VECTORS(UnitIQ1_M<Gathered>, unitScales<B>(units, scale))
LEMMA_SCALE_VECTORS(UnitIQ1_S<Gathered>, *scale = unitScale<B>(units))
#endif
#undef LEMMA_SCALE_VECTORS

template <class B>
LEMMA_SIMD void firstScaleVectors(const std::byte* units, int count, F* scale, F* minimum) {
  scaleVectors(B{}, units, scale, minimum);
  if constexpr (kInPlace<B>) {
    constexpr auto place = [](int block) { return 1.0f / float(1 << block * B::kPlaces % 8); };
    const F places = _mm512_broadcast_f32x4(_mm_setr_ps(place(0), place(1), place(2), place(3)));
    for (int p = 0; p < (B::kHalves ? 2 : 1); ++p) scale[p] = fmul(scale[p], places);
  }
  if (count >= kLanes) return;
  const auto first = [&](F v) { return _mm512_maskz_mov_ps(__mmask16((1u << count) - 1), v); };
  for (int p = 0; p < (B::kHalves ? 2 : 1); ++p) {
    scale[p] = first(scale[p]);
    if constexpr (B::kMinimum) minimum[p] = first(minimum[p]);
  }
}
#else
template <class B>
void firstScaleVectors(const std::byte* units, int count, F* scale, F* minimum);  // of no format
#endif

}  // namespace lemma::cpu::LEMMA_CPU_TARGET
