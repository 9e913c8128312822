// How the formats with a code book (IQ1, IQ2, IQ3) are taken apart (weight_formats_k.h says what a unit is). The books
// lie here unpacked, a byte a value: magnitudes to which signs are given, or IQ1's levels. Included once a target,
// after weight_formats_k.h; constant data and pure functions, any thread.
#include "kernels/quant/iq1_m.h"
#include "kernels/quant/iq1_s.h"
#include "kernels/quant/iq2_s.h"
#include "kernels/quant/iq2_xs.h"
#include "kernels/quant/iq2_xxs.h"
#include "kernels/quant/iq3_s.h"
#include "kernels/quant/iq3_xxs.h"

namespace lemma::cpu::LEMMA_CPU_TARGET {

template <class Point, int kCount>
struct Book {
  Point points[kCount];
};
// Points of as many values as Point has bytes. levelOf(packed point, place), valueOf(level).
template <class Point, int kCount, class LevelOf, class ValueOf>
consteval Book<Point, kCount> bookOf(const uint16_t (&packed)[kCount], LevelOf levelOf, ValueOf valueOf) {
  Book<Point, kCount> book{};
  for (int i = 0; i < kCount; ++i) {
    for (int k = 0; k < int(sizeof(Point)); ++k) {
      book.points[i] |= Point(uint8_t(valueOf(levelOf(packed[i], k)))) << (8 * k);
    }
  }
  return book;
}
template <int kCount, class ValueOf>
consteval Book<uint64_t, kCount> bookOfEights(const uint16_t (&packed)[kCount], ValueOf valueOf) {
  return bookOf<uint64_t>(
      packed, [](uint16_t p, int k) { return levelOfEight(p, k); }, valueOf);
}
template <int kCount, class ValueOf>
consteval Book<uint32_t, kCount> bookOfFours(const uint16_t (&packed)[kCount], ValueOf valueOf) {
  return bookOf<uint32_t>(
      packed, [](uint16_t p, int k) { return levelOfFour(p, k); }, valueOf);
}

// -1, 0 or 1 plus an eighth, in eighths, around 9.
constexpr auto kBookIQ1 = bookOfEights(kGridIQ1_S, [](int level) { return 8 * iq1Value(level) + 1 + 9; });
constexpr auto kBookIQ2_XXS = bookOfEights(kGridIQ2_XXS, [](int level) { return iq2Value(level); });
constexpr auto kBookIQ2_XS = bookOfEights(kGridIQ2_XS, [](int level) { return iq2Value(level); });
constexpr auto kBookIQ2_S = bookOfEights(kGridIQ2_S, [](int level) { return iq2Value(level); });
constexpr auto kBookIQ3_XXS = bookOfFours(kGridIQ3_XXS, [](int level) { return iq3XxsValue(level); });
constexpr auto kBookIQ3_S = bookOfFours(kGridIQ3_S, [](int level) { return iq3SValue(level); });

struct SignTable {
  uint8_t even[128];
};
consteval SignTable signTable() {
  SignTable t{};
  for (int i = 0; i < 128; ++i) t.even[i] = uint8_t(evenSigns(uint32_t(i)));
  return t;
}
constexpr SignTable kSigns = signTable();

template <class T>
LEMMA_SIMD T wordAt(const std::byte* p) {
  T v;
  memcpy(&v, p, sizeof v);
  return v;
}

// Half a block each: two points of eight values; four points of four.
template <int kCount>
LEMMA_SIMD __m128i twoPoints(const Book<uint64_t, kCount>& book, uint32_t a, uint32_t b) {
  return _mm_set_epi64x(int64_t(book.points[b]), int64_t(book.points[a]));
}
template <int kCount>
LEMMA_SIMD __m128i fourPoints(const Book<uint32_t, kCount>& book, uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  return _mm_setr_epi32(int32_t(book.points[a]), int32_t(book.points[b]), int32_t(book.points[c]),
                        int32_t(book.points[d]));
}

// The halves of four blocks, whose points half(i, h) makes.
template <class Half_>
LEMMA_SIMD void quadOfHalves(const Half_& half, Quad& first, Quad& second) {
  first = lanes(half(0, 0), half(1, 0), half(2, 0), half(3, 0));
  second = lanes(half(0, 1), half(1, 1), half(2, 1), half(3, 1));
}

// signsOf(i): the 32 sign bits of block i of four.
template <class SignsOf>
LEMMA_SIMD void giveSigns(const SignsOf& signsOf, int zero, Quad& first, Quad& second) {
  uint64_t bits[2] = {};
  for (int i = 0; i < 4; ++i) {
    const uint32_t signs = signsOf(i);
    bits[0] |= uint64_t(signs & 0xffff) << (16 * i);
    bits[1] |= uint64_t(signs >> 16) << (16 * i);
  }
  first = plus(negateWhere(first, bits[0]), zero);
  second = plus(negateWhere(second, bits[1]), zero);
}
// Four times seven bits.
LEMMA_SIMD uint32_t impliedSigns(uint32_t bits) {
  return uint32_t(kSigns.even[bits & 127]) | uint32_t(kSigns.even[bits >> 7 & 127]) << 8 |
         uint32_t(kSigns.even[bits >> 14 & 127]) << 16 | uint32_t(kSigns.even[bits >> 21 & 127]) << 24;
}

// (0.5 + a scale of 4 bits) times factor: two scales a byte, of the halves of a block.
LEMMA_SIMD void storeNibbleScales(const std::byte* p, float factor, float* scale) {
  const __m128i v = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)), mask = _mm_set1_epi8(15);
  const auto odd = [&](__m128i n) __attribute__((always_inline)) {  // 2 n + 1
    return _mm_add_epi8(_mm_add_epi8(n, n), _mm_set1_epi8(1));
  };
  storeScaled<true>(odd(_mm_and_si128(v, mask)), factor * 0.5f, scale);
  storeScaled<true>(odd(_mm_and_si128(_mm_srli_epi16(v, 4), mask)), factor * 0.5f, scale + kUnitGap);
}

struct UnitIQ2_XXS : UnitOf256 {
  using Block = IQ2_XXS::Block;
  static constexpr int kBytes = sizeof(Block), kZero = 43;
  LEMMA_UNIT void levels(const std::byte* unit, int quad, Quad& first, Quad& second) {
    const std::byte* const p = unit + offsetof(Block, groups) + 32 * quad;
    const auto half = [&](int i, int h) __attribute__((always_inline)) {
      const std::byte* const q = p + 8 * i + 2 * h;
      return twoPoints(kBookIQ2_XXS, uint8_t(q[0]), uint8_t(q[1]));
    };
    quadOfHalves(half, first, second);
    giveSigns([&](int i) { return impliedSigns(wordAt<uint32_t>(p + 8 * i + 4)); }, kZero, first, second);
  }
  LEMMA_UNIT void scales(const std::byte* unit, float* scale, float*) {
    const float factor = halfAt(unit) * 0.125f;
    for (int i = 0; i < 8; ++i) {
      scale[i] = factor * float(int(uint8_t(unit[offsetof(Block, groups) + 8 * i + 7]) >> 4) * 2 + 1);
    }
  }
};

struct UnitIQ2_XS : UnitOf256 {
  using Block = IQ2_XS::Block;
  static constexpr int kBytes = sizeof(Block), kZero = 43;
  static constexpr bool kHalves = true;
  LEMMA_UNIT void levels(const std::byte* unit, int quad, Quad& first, Quad& second) {
    const std::byte* const p = unit + offsetof(Block, q) + 32 * quad;
    const auto half = [&](int i, int h) __attribute__((always_inline)) {
      const uint32_t two = wordAt<uint32_t>(p + 8 * i + 4 * h);
      return twoPoints(kBookIQ2_XS, two & 511, two >> 16 & 511);
    };
    quadOfHalves(half, first, second);
    const auto signs = [&](int i) __attribute__((always_inline)) {
      const uint64_t four = wordAt<uint64_t>(p + 8 * i);
      return uint32_t(kSigns.even[four >> 9 & 127]) | uint32_t(kSigns.even[four >> 25 & 127]) << 8 |
             uint32_t(kSigns.even[four >> 41 & 127]) << 16 | uint32_t(kSigns.even[four >> 57]) << 24;
    };
    giveSigns(signs, kZero, first, second);
  }
  LEMMA_UNIT void scales(const std::byte* unit, float* scale, float*) {
    storeNibbleScales(unit + offsetof(Block, scales), halfAt(unit) * 0.25f, scale);
  }
};

struct UnitIQ2_S : UnitOf256 {
  using Block = IQ2_S::Block;
  static constexpr int kBytes = sizeof(Block), kZero = 43;
  static constexpr bool kHalves = true;
  LEMMA_UNIT void levels(const std::byte* unit, int quad, Quad& first, Quad& second) {
    const std::byte* const low = unit + offsetof(Block, low) + 16 * quad;
    const auto half = [&](int i, int h) __attribute__((always_inline)) {
      const uint32_t high = uint32_t(uint8_t(unit[offsetof(Block, high) + 4 * quad + i])) >> (4 * h);
      const std::byte* const q = low + 4 * i + 2 * h;
      return twoPoints(kBookIQ2_S, uint8_t(q[0]) | (high & 3) << 8, uint8_t(q[1]) | (high >> 2 & 3) << 8);
    };
    quadOfHalves(half, first, second);
    const std::byte* const signs = unit + offsetof(Block, signs) + 16 * quad;
    giveSigns([&](int i) { return wordAt<uint32_t>(signs + 4 * i); }, kZero, first, second);
  }
  LEMMA_UNIT void scales(const std::byte* unit, float* scale, float*) {
    storeNibbleScales(unit + offsetof(Block, scales), halfAt(unit) * 0.25f, scale);
  }
};

struct UnitIQ3_XXS : UnitOf256 {
  using Block = IQ3_XXS::Block;
  static constexpr int kBytes = sizeof(Block), kZero = 62;
  LEMMA_UNIT void levels(const std::byte* unit, int quad, Quad& first, Quad& second) {
    const std::byte* const p = unit + offsetof(Block, points) + 32 * quad;
    const auto half = [&](int i, int h) __attribute__((always_inline)) {
      const std::byte* const q = p + 8 * i + 4 * h;
      return fourPoints(kBookIQ3_XXS, uint8_t(q[0]), uint8_t(q[1]), uint8_t(q[2]), uint8_t(q[3]));
    };
    quadOfHalves(half, first, second);
    const std::byte* const groups = unit + offsetof(Block, groups) + 16 * quad;
    giveSigns([&](int i) { return impliedSigns(wordAt<uint32_t>(groups + 4 * i)); }, kZero, first, second);
  }
  LEMMA_UNIT void scales(const std::byte* unit, float* scale, float*) {
    const float factor = halfAt(unit) * 0.25f;
    for (int i = 0; i < 8; ++i) {
      scale[i] = factor * float(int(uint8_t(unit[offsetof(Block, groups) + 4 * i + 3]) >> 4) * 2 + 1);
    }
  }
};

struct UnitIQ3_S : UnitOf256 {
  using Block = IQ3_S::Block;
  static constexpr int kBytes = sizeof(Block), kZero = 15;
  LEMMA_UNIT void levels(const std::byte* unit, int quad, Quad& first, Quad& second) {
    const std::byte* const low = unit + offsetof(Block, low) + 32 * quad;
    const auto half = [&](int i, int h) __attribute__((always_inline)) {
      const uint32_t high = uint32_t(uint8_t(unit[offsetof(Block, high) + 4 * quad + i])) >> (4 * h);
      const std::byte* const q = low + 8 * i + 4 * h;
      return fourPoints(kBookIQ3_S, uint8_t(q[0]) | (high & 1) << 8, uint8_t(q[1]) | (high >> 1 & 1) << 8,
                        uint8_t(q[2]) | (high >> 2 & 1) << 8, uint8_t(q[3]) | (high >> 3 & 1) << 8);
    };
    quadOfHalves(half, first, second);
    const std::byte* const signs = unit + offsetof(Block, signs) + 16 * quad;
    giveSigns([&](int i) { return wordAt<uint32_t>(signs + 4 * i); }, kZero, first, second);
  }
  LEMMA_UNIT void scales(const std::byte* unit, float* scale, float*) {
    const float factor = halfAt(unit);
    for (int i = 0; i < 8; ++i) {
      const int group = int(uint8_t(unit[offsetof(Block, scales) + i / 2])) >> (i % 2 * 4) & 15;
      scale[i] = factor * float(2 * group + 1);
    }
  }
};

struct UnitIQ1_S : UnitOf256 {
  using Block = IQ1_S::Block;
  static constexpr int kBytes = sizeof(Block), kZero = 9;
  LEMMA_UNIT void levels(const std::byte* unit, int quad, Quad& first, Quad& second) {
    const std::byte* const low = unit + offsetof(Block, low) + 16 * quad;
    const std::byte* const groups = unit + offsetof(Block, groups) + 8 * quad;
    uint64_t down = 0;
    const auto half = [&](int i, int h) __attribute__((always_inline)) {
      const uint32_t high = uint32_t(wordAt<uint16_t>(groups + 2 * i)) >> (6 * h);
      const std::byte* const q = low + 4 * i + 2 * h;
      return twoPoints(kBookIQ1, uint8_t(q[0]) | (high & 7) << 8, uint8_t(q[1]) | (high >> 3 & 7) << 8);
    };
    quadOfHalves(half, first, second);
    for (int i = 0; i < 4; ++i) {
      if (wordAt<uint16_t>(groups + 2 * i) >> 15) down |= uint64_t(0xffff) << (16 * i);
    }
    first = addWhere(first, down, -2);
    second = addWhere(second, down, -2);
  }
  LEMMA_UNIT void scales(const std::byte* unit, float* scale, float*) {
    const float factor = halfAt(unit) * IQ1_S::kShift;
    for (int i = 0; i < 8; ++i) {
      const int group = wordAt<uint16_t>(unit + offsetof(Block, groups) + 2 * i) >> 12 & 7;
      scale[i] = factor * float(2 * group + 1);
    }
  }
};

struct UnitIQ1_M : UnitOf256 {
  using Block = IQ1_M::Block;
  static constexpr int kBytes = sizeof(Block), kZero = 9;
  static constexpr bool kHalves = true;
  LEMMA_UNIT void levels(const std::byte* unit, int quad, Quad& first, Quad& second) {
    const std::byte* const low = unit + offsetof(Block, low) + 16 * quad;
    const std::byte* const highs = unit + offsetof(Block, high) + 8 * quad;
    const auto half = [&](int i, int h) __attribute__((always_inline)) {
      const uint32_t high = uint8_t(highs[2 * i + h]);
      const std::byte* const q = low + 4 * i + 2 * h;
      return twoPoints(kBookIQ1, uint8_t(q[0]) | (high & 7) << 8, uint8_t(q[1]) | (high >> 4 & 7) << 8);
    };
    quadOfHalves(half, first, second);
    uint64_t down[2] = {};
    for (int i = 0; i < 8; ++i) {
      const uint32_t high = uint8_t(highs[i]);
      const uint64_t bytes = (high >> 3 & 1) * 0x00ff | (high >> 7) * 0xff00;
      down[i % 2] |= bytes << (i / 2 * 16);
    }
    first = addWhere(first, down[0], -2);
    second = addWhere(second, down[1], -2);
  }
  LEMMA_UNIT void scales(const std::byte* unit, float* scale, float*) {
    const std::byte* const p = unit + offsetof(Block, scales);
    uint32_t words[4], bits = 0;
    for (int i = 0; i < 4; ++i) {
      words[i] = wordAt<uint16_t>(p + 2 * i);
      bits |= words[i] >> 12 << (4 * i);
    }
    const float factor = _mm_cvtss_f32(halvesToFloats(_mm_cvtsi32_si128(int32_t(bits)))) * IQ1_M::kShift;
    for (int i = 0; i < 16; ++i) {
      const int group = int(words[i / 4] >> (i % 4 * 3) & 7);
      scale[i % 2 * kUnitGap + i / 2] = factor * float(2 * group + 1);
    }
  }
};

}  // namespace lemma::cpu::LEMMA_CPU_TARGET
