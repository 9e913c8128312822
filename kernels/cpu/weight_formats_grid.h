// How the formats with a code book (IQ1, IQ2, IQ3) are taken apart (weight_formats_k.h says what a unit is). Included
// once a target, after code_books.h; constant data and pure functions, any thread.

namespace lemma::cpu::LEMMA_CPU_TARGET {

// 2 n + 1 of bytes or words below 64.
LEMMA_SIMD __m128i oddOf(__m128i n) { return _mm_add_epi8(_mm_add_epi8(n, n), _mm_set1_epi8(1)); }
// A scale of 4 bits each as 2 n + 1: of bytes that hold two, the low one first.
LEMMA_SIMD __m128i oddNibbles(__m128i bytes) {
  const __m128i both = _mm_unpacklo_epi8(bytes, _mm_srli_epi16(bytes, 4));
  return oddOf(_mm_and_si128(both, _mm_set1_epi8(15)));
}
// Eight scales: (2 n + 1) times factor, n on top of 32 bits each.
LEMMA_SIMD void storeTopScales(__m128i early, __m128i late, float factor, float* scale) {
  const auto four = [&](__m128i v, float* to) __attribute__((always_inline)) {
    const __m128i n = _mm_or_si128(_mm_and_si128(_mm_srli_epi32(v, 27), _mm_set1_epi32(30)), _mm_set1_epi32(1));
    _mm_storeu_ps(to, _mm_mul_ps(_mm_cvtepi32_ps(n), _mm_set1_ps(factor)));
  };
  four(early, scale);
  four(late, scale + 4);
}
// Words 1 and 3 of each.
LEMMA_SIMD __m128i oddWords(__m128i a, __m128i b) {
  return _mm_castps_si128(_mm_shuffle_ps(_mm_castsi128_ps(a), _mm_castsi128_ps(b), _MM_SHUFFLE(3, 1, 3, 1)));
}

// Bytes i and i + 1 as four words each.
LEMMA_SIMD __m128i twoBytes(int i) {
  const int a = 0x8000 | i, b = a + 1;
  return _mm_setr_epi16(short(a), short(a), short(a), short(a), short(b), short(b), short(b), short(b));
}

struct UnitIQ2_XXS : UnitOf256 {
  using Block = IQ2_XXS::Block;
  static constexpr int kBytes = sizeof(Block), kZero = BookIQ2_XXS::kZero;
  static constexpr int kGroups = offsetof(Block, groups);
  LEMMA_UNIT __m128i words(const std::byte* unit, int quad) {  // signs and scales
    const std::byte* const p = unit + kGroups + 32 * quad;
    return oddWords(load16(p), load16(p + 16));
  }
  LEMMA_UNIT void levels(const std::byte* unit, int quad, Quad& first, Quad& second) {
    const __m128i order = _mm_setr_epi8(0, -1, 1, -1, 2, -1, 3, -1, 8, -1, 9, -1, 10, -1, 11, -1);
    eightsOf<BookIQ2_XXS>(reordered(quadAt(unit + kGroups), order), quad, first, second);
    giveSigns(withEighth(sevens(words(unit, quad))), kZero, first, second);
  }
  LEMMA_UNIT void scales(const std::byte* unit, float* scale, float*) {
    storeTopScales(words(unit, 0), words(unit, 1), halfAt(unit) * 0.125f, scale);
  }
};

struct UnitIQ2_XS : UnitOf256 {
  using Block = IQ2_XS::Block;
  static constexpr int kBytes = sizeof(Block), kZero = BookIQ2_XS::kZero;
  static constexpr bool kHalves = true;
  LEMMA_UNIT void levels(const std::byte* unit, int quad, Quad& first, Quad& second) {
    const std::byte* const p = unit + offsetof(Block, q);
    eightsOf<BookIQ2_XS>(wordsAnd(quadAt(p), 511), quad, first, second);
    const auto signs = [&](int i) { return _mm_srli_epi16(load16(p + 32 * quad + 16 * i), 9); };
    giveSigns(withEighth(_mm_packus_epi16(signs(0), signs(1))), kZero, first, second);
  }
  static constexpr bool kUnsignedGroups = true;
  LEMMA_UNIT float factor(const std::byte* unit) { return halfAt(unit) * 0.125f; }
  LEMMA_UNIT __m128i groups(const std::byte* unit) { return oddNibbles(load8(unit + offsetof(Block, scales))); }
  LEMMA_UNIT void scales(const std::byte* unit, float* scale, float*) {
    storeHalfScales<true>(groups(unit), factor(unit), scale);
  }
};

struct UnitIQ2_S : UnitOf256 {
  using Block = IQ2_S::Block;
  static constexpr int kBytes = sizeof(Block), kZero = BookIQ2_S::kZero;
  static constexpr bool kHalves = true;
  LEMMA_UNIT void levels(const std::byte* unit, int quad, Quad& first, Quad& second) {
    const __m128i low = load16(unit + offsetof(Block, low) + 16 * quad), zero = _mm_setzero_si128();
    const __m128i high = load4(unit + offsetof(Block, high) + 4 * quad);
    const auto numbers = [&](__m128i bytes, __m128i blocks) __attribute__((always_inline)) {
      const __m128i toTop = _mm_setr_epi16(1 << 14, 1 << 12, 1 << 10, 1 << 8, 1 << 14, 1 << 12, 1 << 10, 1 << 8);
      const __m128i above = _mm_srli_epi16(_mm_mullo_epi16(_mm_shuffle_epi8(high, blocks), toTop), 6);
      return _mm_or_si128(bytes, _mm_and_si128(above, _mm_set1_epi16(0x300)));
    };
    const PointNumbers n(numbers(_mm_unpacklo_epi8(low, zero), twoBytes(0)),
                         numbers(_mm_unpackhi_epi8(low, zero), twoBytes(2)));
    loadEights<BookIQ2_S>(n, first, second);
    giveSigns(load16(unit + offsetof(Block, signs) + 16 * quad), kZero, first, second);
  }
  static constexpr bool kUnsignedGroups = true;
  LEMMA_UNIT float factor(const std::byte* unit) { return halfAt(unit) * 0.125f; }
  LEMMA_UNIT __m128i groups(const std::byte* unit) { return oddNibbles(load8(unit + offsetof(Block, scales))); }
  LEMMA_UNIT void scales(const std::byte* unit, float* scale, float*) {
    storeHalfScales<true>(groups(unit), factor(unit), scale);
  }
};

struct UnitIQ3_XXS : UnitOf256 {
  using Block = IQ3_XXS::Block;
  static constexpr int kBytes = sizeof(Block), kZero = BookIQ3_XXS::kZero;
  LEMMA_UNIT void levels(const std::byte* unit, int quad, Quad& first, Quad& second) {
    foursOf<BookIQ3_XXS>(wordsOfBytes(unit + offsetof(Block, points) + 32 * quad), first, second);
    giveSigns(withEighth(sevens(load16(unit + offsetof(Block, groups) + 16 * quad))), kZero, first, second);
  }
  LEMMA_UNIT void scales(const std::byte* unit, float* scale, float*) {
    const std::byte* const groups = unit + offsetof(Block, groups);
    storeTopScales(load16(groups), load16(groups + 16), halfAt(unit) * 0.25f, scale);
  }
};

struct UnitIQ3_S : UnitOf256 {
  using Block = IQ3_S::Block;
  static constexpr int kBytes = sizeof(Block), kZero = BookIQ3_S::kZero;
  // Of point i of a quad: the byte of its block as a word, and what moves its bit to bit 8.
  static constexpr Words kBlockOf = wordsOf([](int i) { return 0x8000 | i / 8; });
  static constexpr Words kToNinth = wordsOf([](int i) { return 1 << (8 - i % 8); });
  LEMMA_UNIT void levels(const std::byte* unit, int quad, Quad& first, Quad& second) {
    const Quad high = reordered(everyLaneOf(load4(unit + offsetof(Block, high) + 4 * quad)), kBlockOf);
    const Quad above = wordsAnd(wordsTimes(high, kToNinth), 0x100);
    foursOf<BookIQ3_S>(wordsOfBytes(unit + offsetof(Block, low) + 32 * quad) | above, first, second);
    giveSigns(load16(unit + offsetof(Block, signs) + 16 * quad), kZero, first, second);
  }
  static constexpr bool kUnsignedGroups = true;
  LEMMA_UNIT float factor(const std::byte* unit) { return halfAt(unit); }
  LEMMA_UNIT __m128i groups(const std::byte* unit) { return oddNibbles(load4(unit + offsetof(Block, scales))); }
  LEMMA_UNIT void scales(const std::byte* unit, float* scale, float*) {
    storeScaled<true>(groups(unit), factor(unit), scale);
  }
};

// Levels of IQ1 whose shift is down lie two eighths lower: bytes of each half.
LEMMA_SIMD void shiftDown(uint64_t downFirst, uint64_t downSecond, Quad& first, Quad& second) {
  first = addWhere(first, downFirst, -2);
  second = addWhere(second, downSecond, -2);
}

struct UnitIQ1_S : UnitOf256 {
  using Block = IQ1_S::Block;
  static constexpr int kBytes = sizeof(Block), kZero = BookIQ1::kZero;
  LEMMA_UNIT void levels(const std::byte* unit, int quad, Quad& first, Quad& second) {
    const __m128i groups = load8(unit + offsetof(Block, groups) + 8 * quad);
    const __m128i low = load16(unit + offsetof(Block, low) + 16 * quad);
    const auto numbers = [&](__m128i bytes, __m128i two) __attribute__((always_inline)) {  // of two blocks
      const __m128i toTop = _mm_setr_epi16(1 << 13, 1 << 10, 1 << 7, 1 << 4, 1 << 13, 1 << 10, 1 << 7, 1 << 4);
      const __m128i above = _mm_srli_epi16(_mm_mullo_epi16(two, toTop), 5);
      return _mm_or_si128(bytes, _mm_and_si128(above, _mm_set1_epi16(0x700)));
    };
    const __m128i twice = _mm_unpacklo_epi16(groups, groups), zero = _mm_setzero_si128();
    const PointNumbers n(numbers(_mm_unpacklo_epi8(low, zero), _mm_unpacklo_epi32(twice, twice)),
                         numbers(_mm_unpackhi_epi8(low, zero), _mm_unpackhi_epi32(twice, twice)));
    loadEights<BookIQ1>(n, first, second);
    const auto down = uint64_t(_mm_cvtsi128_si64(_mm_srai_epi16(groups, 15)));
    shiftDown(down, down, first, second);
  }
  static constexpr bool kUnsignedGroups = true;
  LEMMA_UNIT float factor(const std::byte* unit) { return halfAt(unit) * IQ1_S::kShift; }
  LEMMA_UNIT __m128i groups(const std::byte* unit) {
    const __m128i tops = _mm_srli_epi16(load16(unit + offsetof(Block, groups)), 11);
    const __m128i n = _mm_or_si128(_mm_and_si128(tops, _mm_set1_epi16(14)), _mm_set1_epi16(1));
    return _mm_packus_epi16(n, n);
  }
  LEMMA_UNIT void scales(const std::byte* unit, float* scale, float*) {
    storeScaled<true>(groups(unit), factor(unit), scale);
  }
};

struct UnitIQ1_M : UnitOf256 {
  using Block = IQ1_M::Block;
  static constexpr int kBytes = sizeof(Block), kZero = BookIQ1::kZero;
  static constexpr bool kHalves = true;
  LEMMA_UNIT void levels(const std::byte* unit, int quad, Quad& first, Quad& second) {
    const __m128i highs = load8(unit + offsetof(Block, high) + 8 * quad), zero = _mm_setzero_si128();
    const __m128i low = load16(unit + offsetof(Block, low) + 16 * quad);
    // Bits 0 to 2 and 4 to 6 of a byte are of its first and of its second point, bits 3 and 7 their shifts.
    const __m128i above = _mm_unpacklo_epi8(zero, highs), mask = _mm_set1_epi16(0x700);
    const __m128i even = _mm_and_si128(above, mask), odd = _mm_and_si128(_mm_srli_epi16(above, 4), mask);
    const PointNumbers n(_mm_or_si128(_mm_unpacklo_epi8(low, zero), _mm_unpacklo_epi16(even, odd)),
                         _mm_or_si128(_mm_unpackhi_epi8(low, zero), _mm_unpackhi_epi16(even, odd)));
    loadEights<BookIQ1>(n, first, second);
    const __m128i bits = _mm_set1_epi16(short(0x8008));
    const __m128i down = _mm_cmpeq_epi8(_mm_and_si128(_mm_unpacklo_epi8(highs, highs), bits), bits);
    const __m128i halves = _mm_shuffle_epi8(down, _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15));
    shiftDown(uint64_t(_mm_cvtsi128_si64(halves)), uint64_t(_mm_extract_epi64(halves, 1)), first, second);
  }
  static constexpr bool kUnsignedGroups = true;
  // Each word: four times 3 bits of a scale, then 4 bits of the factor.
  LEMMA_UNIT float factor(const std::byte* unit) {
    const __m128i tops = _mm_srli_epi16(load8(unit + offsetof(Block, scales)), 12);
    const auto nibbles = uint64_t(_mm_cvtsi128_si64(tops));
    const auto half = uint32_t(nibbles | nibbles >> 12 | nibbles >> 24 | nibbles >> 36) & 0xffff;
    return _mm_cvtss_f32(halvesToFloats(_mm_cvtsi32_si128(int32_t(half)))) * IQ1_M::kShift;
  }
  LEMMA_UNIT __m128i groups(const std::byte* unit) {
    const __m128i words = load8(unit + offsetof(Block, scales));
    const __m128i twice = _mm_unpacklo_epi16(words, words);
    const auto odd = [&](__m128i four) __attribute__((always_inline)) {
      const __m128i toTop = _mm_setr_epi16(1 << 13, 1 << 10, 1 << 7, 1 << 4, 1 << 13, 1 << 10, 1 << 7, 1 << 4);
      const __m128i n = _mm_and_si128(_mm_srli_epi16(_mm_mullo_epi16(four, toTop), 12), _mm_set1_epi16(14));
      return _mm_or_si128(n, _mm_set1_epi16(1));
    };
    return _mm_packus_epi16(odd(_mm_unpacklo_epi32(twice, twice)), odd(_mm_unpackhi_epi32(twice, twice)));
  }
  LEMMA_UNIT void scales(const std::byte* unit, float* scale, float*) {
    storeHalfScales<true>(groups(unit), factor(unit), scale);
  }
};

}  // namespace lemma::cpu::LEMMA_CPU_TARGET
