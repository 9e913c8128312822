// Points of the code books of IQ1, IQ2 and IQ3 by their numbers, a byte a value. Magnitudes lie `zero` higher than they
// are, to be given their signs; IQ1's levels are as its unit wants them. Included once a target, after
// weight_formats_k.h; constant data and pure functions, any thread.
// With AVX-512 books of up to 512 points stay packed, 16 bits a point, and are looked up in registers, 32 points at
// once; otherwise every point is loaded for itself.
#include "kernels/quant/iq1_m.h"
#include "kernels/quant/iq1_s.h"
#include "kernels/quant/iq2_s.h"
#include "kernels/quant/iq2_xs.h"
#include "kernels/quant/iq2_xxs.h"
#include "kernels/quant/iq3_s.h"
#include "kernels/quant/iq3_xxs.h"

namespace lemma::cpu::LEMMA_CPU_TARGET {

// A book: its packed points, the value of a level as the kernels want it, and what stands for zero there.
template <const auto& kPoints, int kZero_, int (*kValue)(int)>
struct CodeBook {
  static constexpr const auto& kPacked = kPoints;
  static constexpr int kZero = kZero_;
  static constexpr int value(int level) { return kZero + kValue(level); }
};
// IQ1's levels are -1, 0 or 1 plus an eighth, in eighths.
constexpr int iq1Eighths(int level) { return 8 * iq1Value(level) + 1; }
using BookIQ1 = CodeBook<kGridIQ1_S, 9, iq1Eighths>;
using BookIQ2_XXS = CodeBook<kGridIQ2_XXS, 43, iq2Value>;
using BookIQ2_XS = CodeBook<kGridIQ2_XS, 43, iq2Value>;
using BookIQ2_S = CodeBook<kGridIQ2_S, 43, iq2Value>;
using BookIQ3_XXS = CodeBook<kGridIQ3_XXS, 62, iq3XxsValue>;
using BookIQ3_S = CodeBook<kGridIQ3_S, 15, iq3SValue>;

// 32 words that differ from place to place.
struct Words {
  alignas(64) uint16_t at[32];
};
template <class WordAt>
consteval Words wordsOf(WordAt wordAt) {
  Words w{};
  for (int i = 0; i < 32; ++i) w.at[i] = uint16_t(wordAt(i));
  return w;
}
LEMMA_SIMD Quad quadOfWords(const Words& w) { return quadAt(reinterpret_cast<const std::byte*>(w.at)); }

// 16-bit words of a quad.
LEMMA_SIMD Quad wordsAnd(const Quad& a, int mask) {
  return quadOf([&](int i) __attribute__((always_inline)) { return band(a.v[i], wset(mask)); });
}
LEMMA_SIMD Quad wordsTimes(const Quad& a, const Words& factors) {
  const Quad f = quadOfWords(factors);
  return quadOf([&](int i) __attribute__((always_inline)) { return wmul(a.v[i], f.v[i]); });
}
template <int kBits>
LEMMA_SIMD Quad wordsShifted(const Quad& a) {
  return quadOf([&](int i) __attribute__((always_inline)) { return wshift<kBits>(a.v[i]); });
}
// Bytes of each lane in another order; 128 and above give zero.
LEMMA_SIMD Quad reordered(const Quad& a, Lane order) {
  return quadOf([&](int i) __attribute__((always_inline)) { return lookUp(a.v[i], everyLane(order)); });
}
LEMMA_SIMD Quad reordered(const Quad& a, const Words& order) {
  const Quad o = quadOfWords(order);
  return quadOf([&](int i) __attribute__((always_inline)) { return lookUp(a.v[i], o.v[i]); });
}
// 32 bytes as words.
LEMMA_SIMD Quad wordsOfBytes(const std::byte* p) {
  const Lane a = load16(p), b = load16(p + 16), zero = lzero();
  return lanes(lzipBytes(a, zero), lzipHighBytes(a, zero), lzipBytes(b, zero), lzipHighBytes(b, zero));
}

// A book by values, to be loaded point by point.
template <class Point, int kCount>
struct LoadedBook {
  Point points[kCount];
};
template <class B, class Point, size_t kCount>
consteval LoadedBook<Point, kCount> loadedBook(const uint16_t (&packed)[kCount]) {
  LoadedBook<Point, kCount> book{};
  for (size_t i = 0; i < kCount; ++i) {
    for (int k = 0; k < int(sizeof(Point)); ++k) {
      const int level = sizeof(Point) == 8 ? levelOfEight(packed[i], k) : levelOfFour(packed[i], k);
      book.points[i] |= Point(uint8_t(B::value(level))) << (8 * k);
    }
  }
  return book;
}
template <class B, class Point>
constexpr auto kLoaded = loadedBook<B, Point>(B::kPacked);

// Numbers that are loaded one by one must be stored first: GCC would take them out of the register instead, each by two
// operations of the ports that products need, which is half as fast.
template <int kCount>
LEMMA_SIMD void stayInMemory(uint16_t (&numbers)[kCount]) {
  asm volatile("" : "+m"(numbers));
}

// The points of a quad by 16 numbers, four of eight values a block, `early` of its first two blocks.
struct PointByPoint {
  template <class B>
  LEMMA_UNIT void eights(Lane early, Lane late, Quad& first, Quad& second) {
    alignas(16) uint16_t numbers[16];
    lstore(numbers, early);
    lstore(numbers + 8, late);
    stayInMemory(numbers);
    const auto half = [&](int i, int h) __attribute__((always_inline)) {
      const uint16_t* const n = numbers + 4 * i + 2 * h;
      const auto& points = kLoaded<B, uint64_t>.points;
      return lqwords(points[n[0]], points[n[1]]);
    };
    first = lanes(half(0, 0), half(1, 0), half(2, 0), half(3, 0));
    second = lanes(half(0, 1), half(1, 1), half(2, 1), half(3, 1));
  }
};
#if defined(LEMMA_HAS_GATHERS)
// The same, eight points by one instruction, which only some processors do quickly.
struct Gathered {
  template <class B>
  LEMMA_UNIT void eights(Lane early, Lane late, Quad& first, Quad& second) {
    const auto& points = kLoaded<B, uint64_t>.points;
    first.v[0] = gatherQwords(points, levenDwords(early, late));
    second.v[0] = gatherQwords(points, loddDwords(early, late));
  }
};
#endif

#if defined(__AVX512BW__)

// Packed points by their numbers, 32 of a book of kCount.
template <int kCount>
LEMMA_SIMD I packedPoints(const uint16_t* book, I numbers) {
  if constexpr (kCount == 64) {
    return _mm512_permutex2var_epi16(iload(book), numbers, iload(book + 32));
  } else {
    const I low = packedPoints<kCount / 2>(book, numbers), high = packedPoints<kCount / 2>(book + kCount / 2, numbers);
    return _mm512_mask_blend_epi16(_mm512_test_epi16_mask(numbers, wset(kCount / 2)), low, high);
  }
}
template <class B>
LEMMA_SIMD I packedPoints(const Quad& numbers) {
  return packedPoints<int(sizeof B::kPacked / 2)>(B::kPacked, numbers.v[0]);
}

struct ValueTable {
  alignas(16) uint8_t at[16];
};
template <class ValueOf>
consteval ValueTable valueTable(ValueOf valueOf) {
  ValueTable t{};
  for (int i = 0; i < 16; ++i) t.at[i] = uint8_t(valueOf(i));
  return t;
}

#endif

// numbers: of the points of a unit, four of eight values a block; the values of one of its quads.
template <class B>
LEMMA_SIMD void eightsOf(const Quad& numbers, int quad, Quad& first, Quad& second) {
#if defined(__AVX512BW__)
  // By a level in bits 0 and 1, or in bits 2 and 3.
  static constexpr ValueTable kValues = valueTable([](int i) { return B::value(i < 4 ? i & 3 : i >> 2); });
  const I packed = packedPoints<B>(numbers), values = everyLane(load16(kValues.at));
  const I four = everyLane(_mm_setr_epi8(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3));
  const auto half = [&](int h) __attribute__((always_inline)) {
    const int at = 8 * quad + h;  // 32 bits are two points, half a block
    const I place = _mm512_set_epi32(at + 6, at + 6, at + 6, at + 6, at + 4, at + 4, at + 4, at + 4, at + 2, at + 2,
                                     at + 2, at + 2, at, at, at, at);
    const I spread = lookUp(_mm512_permutexvar_epi32(place, packed), four);
    return Quad{{lookUp(values, band(_mm512_srlv_epi16(spread, iset(4 << 16)), wset(0x0c03)))}};
  };
  first = half(0);
  second = half(1);
#else
  alignas(16) uint16_t n[32];
  store(reinterpret_cast<std::byte*>(n), numbers);
  PointByPoint::eights<B>(load16(n + 16 * quad), load16(n + 16 * quad + 8), first, second);
#endif
}

// numbers: of the points of a quad, eight of four values a block.
template <class B>
LEMMA_SIMD void foursOf(const Quad& numbers, Quad& first, Quad& second) {
#if defined(__AVX512BW__)
  static constexpr ValueTable kValues = valueTable([](int i) { return B::value(i & 7); });
  const I packed = packedPoints<B>(numbers), values = everyLane(load16(kValues.at)), odd = wshift<4>(packed);
  first.v[0] = lookUp(values, band(_mm512_unpacklo_epi8(packed, odd), bset(15)));
  second.v[0] = lookUp(values, band(_mm512_unpackhi_epi8(packed, odd), bset(15)));
#else
  uint16_t n[32];
  store(reinterpret_cast<std::byte*>(n), numbers);
  stayInMemory(n);
  const auto half = [&](int i, int h) __attribute__((always_inline)) {
    const uint16_t* const at = n + 8 * i + 4 * h;
    const auto& points = kLoaded<B, uint32_t>.points;
    return ldwords(int32_t(points[at[0]]), int32_t(points[at[1]]), int32_t(points[at[2]]), int32_t(points[at[3]]));
  };
  first = lanes(half(0, 0), half(1, 0), half(2, 0), half(3, 0));
  second = lanes(half(0, 1), half(1, 1), half(2, 1), half(3, 1));
#endif
}

// Signs of a quad: 16 bytes, four a block. The values are zero + magnitude before, zero - magnitude after it where a
// bit is set.
LEMMA_SIMD void giveSigns(Lane signs, int zero, Quad& first, Quad& second) {
  const Lane order = lbytes(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15);
  const Lane halves = lreorder(signs, order);
  first = mirrorWhere(first, lqword<0>(halves), 2 * zero);
  second = mirrorWhere(second, lqword<1>(halves), 2 * zero);
}
// Bytes of seven signs, with the eighth that makes the number of minus signs even.
LEMMA_SIMD Lane withEighth(Lane seven) {
  const Lane odd = lbytes(0, -128, -128, 0, -128, 0, 0, -128, -128, 0, 0, -128, 0, -128, -128, 0);
  const Lane mask = lbytes(15);
  const Lane low = lreorder(odd, land(seven, mask));
  const Lane high = lreorder(odd, land(lwordsRight(seven, 4), mask));
  return lor(seven, lxor(low, high));
}
// Four times seven bits of each of four words of 32 bits, the lowest first.
LEMMA_SIMD Lane sevens(Lane words) {
  const auto field = [&](Lane v, int n) __attribute__((always_inline)) { return land(v, ldwords(0x7f << (8 * n))); };
  return lor(lor(field(words, 0), field(ldwordsLeft(words, 1), 1)),
             lor(field(ldwordsLeft(words, 2), 2), field(ldwordsLeft(words, 3), 3)));
}

}  // namespace lemma::cpu::LEMMA_CPU_TARGET
