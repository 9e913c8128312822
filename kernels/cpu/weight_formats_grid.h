// How the formats with a code book (IQ1, IQ2, IQ3) are taken apart (weight_formats_k.h says what a unit is). Points:
// how those of books too large for registers are loaded (code_books.h). Included once a target, after code_books.h;
// constant data and pure functions, any thread.

namespace lemma::cpu::LEMMA_CPU_TARGET {

// 2 n + 1 of bytes or words below 64.
LEMMA_SIMD Lane oddOf(Lane n) { return laddBytes(laddBytes(n, n), lbytes(1)); }
// A scale of 4 bits each as 2 n + 1: of bytes that hold two, the low one first.
LEMMA_SIMD Lane oddNibbles(Lane bytes) {
  const Lane both = lzipBytes(bytes, lwordsRight(bytes, 4));
  return oddOf(land(both, lbytes(15)));
}
// Eight scales: (2 n + 1) times factor, n on top of 32 bits each.
LEMMA_SIMD void storeTopScales(Lane early, Lane late, float factor, float* scale) {
  const auto four = [&](Lane v, float* to) __attribute__((always_inline)) {
    const Lane n = lor(land(ldwordsRight(v, 27), ldwords(30)), ldwords(1));
    store4(to, mul4(toFloat4(n), set4(factor)));
  };
  four(early, scale);
  four(late, scale + 4);
}
// Bytes i and i + 1 as four words each.
LEMMA_SIMD Lane twoBytes(int i) {
  const int a = 0x8000 | i, b = a + 1;
  return lwords(a, a, a, a, b, b, b, b);
}

struct UnitIQ2_XXS : UnitOf256 {
  using Block = IQ2_XXS::Block;
  static constexpr int kBytes = sizeof(Block), kZero = BookIQ2_XXS::kZero;
  static constexpr int kGroups = offsetof(Block, groups);
  LEMMA_UNIT Lane words(const std::byte* unit, int quad) {  // signs and scales
    const std::byte* const p = unit + kGroups + 32 * quad;
    return loddDwords(load16(p), load16(p + 16));
  }
  LEMMA_UNIT void levels(const std::byte* unit, int quad, Quad& first, Quad& second) {
    const Lane order = lbytes(0, -1, 1, -1, 2, -1, 3, -1, 8, -1, 9, -1, 10, -1, 11, -1);
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
    const auto signs = [&](int i) { return lwordsRight(load16(p + 32 * quad + 16 * i), 9); };
    giveSigns(withEighth(lpackWords(signs(0), signs(1))), kZero, first, second);
  }
  static constexpr bool kUnsignedGroups = true;
  LEMMA_UNIT float factor(const std::byte* unit) { return halfAt(unit) * 0.125f; }
  LEMMA_UNIT Lane groups(const std::byte* unit) { return oddNibbles(load8(unit + offsetof(Block, scales))); }
  LEMMA_UNIT void scales(const std::byte* unit, float* scale, float*) {
    storeHalfScales<true>(groups(unit), factor(unit), scale);
  }
};

template <class Points>
struct UnitIQ2_S : UnitOf256 {
  using Block = IQ2_S::Block;
  static constexpr int kBytes = sizeof(Block), kZero = BookIQ2_S::kZero;
  static constexpr bool kHalves = true;
  LEMMA_UNIT void levels(const std::byte* unit, int quad, Quad& first, Quad& second) {
    const Lane low = load16(unit + offsetof(Block, low) + 16 * quad), zero = lzero();
    const Lane high = load4(unit + offsetof(Block, high) + 4 * quad);
    const auto numbers = [&](Lane bytes, Lane blocks) __attribute__((always_inline)) {
      const Lane toTop = lwords(1 << 14, 1 << 12, 1 << 10, 1 << 8, 1 << 14, 1 << 12, 1 << 10, 1 << 8);
      const Lane above = lwordsRight(lmulWords(lreorder(high, blocks), toTop), 6);
      return lor(bytes, land(above, lwords(0x300)));
    };
    Points::template eights<BookIQ2_S>(numbers(lzipBytes(low, zero), twoBytes(0)),
                                       numbers(lzipHighBytes(low, zero), twoBytes(2)), first, second);
    giveSigns(load16(unit + offsetof(Block, signs) + 16 * quad), kZero, first, second);
  }
  static constexpr bool kUnsignedGroups = true;
  LEMMA_UNIT float factor(const std::byte* unit) { return halfAt(unit) * 0.125f; }
  LEMMA_UNIT Lane groups(const std::byte* unit) { return oddNibbles(load8(unit + offsetof(Block, scales))); }
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
  LEMMA_UNIT Lane groups(const std::byte* unit) { return oddNibbles(load4(unit + offsetof(Block, scales))); }
  LEMMA_UNIT void scales(const std::byte* unit, float* scale, float*) {
    storeScaled<true>(groups(unit), factor(unit), scale);
  }
};

// Levels of IQ1 whose shift is down lie two eighths lower: bytes of each half.
LEMMA_SIMD void shiftDown(uint64_t downFirst, uint64_t downSecond, Quad& first, Quad& second) {
  first = addWhere(first, downFirst, -2);
  second = addWhere(second, downSecond, -2);
}

template <class Points>
struct UnitIQ1_S : UnitOf256 {
  using Block = IQ1_S::Block;
  static constexpr int kBytes = sizeof(Block), kZero = BookIQ1::kZero;
  LEMMA_UNIT void levels(const std::byte* unit, int quad, Quad& first, Quad& second) {
    const Lane groups = load8(unit + offsetof(Block, groups) + 8 * quad);
    const Lane low = load16(unit + offsetof(Block, low) + 16 * quad);
    const auto numbers = [&](Lane bytes, Lane two) __attribute__((always_inline)) {  // of two blocks
      const Lane toTop = lwords(1 << 13, 1 << 10, 1 << 7, 1 << 4, 1 << 13, 1 << 10, 1 << 7, 1 << 4);
      const Lane above = lwordsRight(lmulWords(two, toTop), 5);
      return lor(bytes, land(above, lwords(0x700)));
    };
    const Lane twice = lzipWords(groups, groups), zero = lzero();
    Points::template eights<BookIQ1>(numbers(lzipBytes(low, zero), lzipDwords(twice, twice)),
                                     numbers(lzipHighBytes(low, zero), lzipHighDwords(twice, twice)), first, second);
    const auto down = lqword<0>(lwordsRightSigned(groups, 15));
    shiftDown(down, down, first, second);
  }
  static constexpr bool kUnsignedGroups = true;
  LEMMA_UNIT float factor(const std::byte* unit) { return halfAt(unit) * IQ1_S::kShift; }
  LEMMA_UNIT Lane groups(const std::byte* unit) {
    const Lane tops = lwordsRight(load16(unit + offsetof(Block, groups)), 11);
    const Lane n = lor(land(tops, lwords(14)), lwords(1));
    return lpackWords(n, n);
  }
  LEMMA_UNIT void scales(const std::byte* unit, float* scale, float*) {
    storeScaled<true>(groups(unit), factor(unit), scale);
  }
};

template <class Points>
struct UnitIQ1_M : UnitOf256 {
  using Block = IQ1_M::Block;
  static constexpr int kBytes = sizeof(Block), kZero = BookIQ1::kZero;
  static constexpr bool kHalves = true;
  LEMMA_UNIT void levels(const std::byte* unit, int quad, Quad& first, Quad& second) {
    const Lane highs = load8(unit + offsetof(Block, high) + 8 * quad), zero = lzero();
    const Lane low = load16(unit + offsetof(Block, low) + 16 * quad);
    // Bits 0 to 2 and 4 to 6 of a byte are of its first and of its second point, bits 3 and 7 their shifts.
    const Lane above = lzipBytes(zero, highs), mask = lwords(0x700);
    const Lane even = land(above, mask), odd = land(lwordsRight(above, 4), mask);
    Points::template eights<BookIQ1>(lor(lzipBytes(low, zero), lzipWords(even, odd)),
                                     lor(lzipHighBytes(low, zero), lzipHighWords(even, odd)), first, second);
    const Lane bits = lwords(0x8008);
    const Lane down = lequalBytes(land(lzipBytes(highs, highs), bits), bits);
    const Lane halves = lreorder(down, lbytes(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15));
    shiftDown(lqword<0>(halves), lqword<1>(halves), first, second);
  }
  static constexpr bool kUnsignedGroups = true;
  // Each word: four times 3 bits of a scale, then 4 bits of the factor.
  LEMMA_UNIT float factor(const std::byte* unit) {
    const Lane tops = lwordsRight(load8(unit + offsetof(Block, scales)), 12);
    const auto nibbles = lqword<0>(tops);
    const auto half = uint32_t(nibbles | nibbles >> 12 | nibbles >> 24 | nibbles >> 36) & 0xffff;
    return first4(halvesToFloats(ldword(int32_t(half)))) * IQ1_M::kShift;
  }
  LEMMA_UNIT Lane groups(const std::byte* unit) {
    const Lane words = load8(unit + offsetof(Block, scales));
    const Lane twice = lzipWords(words, words);
    const auto odd = [&](Lane four) __attribute__((always_inline)) {
      const Lane toTop = lwords(1 << 13, 1 << 10, 1 << 7, 1 << 4, 1 << 13, 1 << 10, 1 << 7, 1 << 4);
      const Lane n = land(lwordsRight(lmulWords(four, toTop), 12), lwords(14));
      return lor(n, lwords(1));
    };
    return lpackWords(odd(lzipDwords(twice, twice)), odd(lzipHighDwords(twice, twice)));
  }
  LEMMA_UNIT void scales(const std::byte* unit, float* scale, float*) {
    storeHalfScales<true>(groups(unit), factor(unit), scale);
  }
};

}  // namespace lemma::cpu::LEMMA_CPU_TARGET
