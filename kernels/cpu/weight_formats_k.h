// How formats of 256 values (Q2_K to Q6_K, TQ1_0 and TQ2_0) are taken apart: levels as bytes in the order of
// activations, scales and minima as floats. Included once a target; pure functions, any thread.
//
// A unit of a format is the bytes that are unpacked together: kBlocks blocks of 32 values in kBytes bytes.
//   levels(unit, quad, first, second)   of blocks 4 quad to 4 quad + 3: value = scale * level + minimum
//   scales(unit, scale, minimum)        [kBlocks] each; with kHalves the second halves' kUnitGap floats further on
//   groups(unit), factor(unit)          where scales are so simple: integers of 8 bits (kUnsignedGroups) times a factor
//   levelsInPlace                       likewise with kPlaces: levels() times 2^(kPlaces block), modulo 2^8
// A format without kMinimum has kZero instead, the level that stands for zero, and leaves `minimum` alone. kSigned: its
// levels are signed bytes, too large for the dot product of unsigned ones.
#include "kernels/cpu/quad.h"
#include "kernels/quant/q2_k.h"
#include "kernels/quant/q3_k.h"
#include "kernels/quant/q4_k.h"
#include "kernels/quant/q5_k.h"
#include "kernels/quant/q6_k.h"
#include "kernels/quant/tq1_0.h"
#include "kernels/quant/tq2_0.h"

namespace lemma::cpu::LEMMA_CPU_TARGET {

constexpr int kUnitGap = 64;

struct UnitOf256 {
  static constexpr int kBlocks = 8, kZero = 0;
  static constexpr bool kHalves = false, kMinimum = false, kSigned = false;
};

// Bits of KScales, eight scales and eight minima of 6 bits, times the two factors before them. Words: the factors, then
// low bits of scales, of minima, and the four bits that the later four of both have here, with two more above the low.
LEMMA_SIMD void storeKScales(const std::byte* unit, float* scale, float* minimum) {
  const Lane v = load16(unit), last = llastDwords(v);
  const Lane early = land(v, lbytes(0x3f));
  const Lane top = land(lwordsRight(v, 2), lbytes(0x30));
  const Lane four = land(lwithDword2(last, lwordsRight(last, 4)), lbytes(0x0f));
  const Lane late = lor(four, top);
  const Lane bytes = lzipDwords(lskip<4>(early), lskip<4>(late));
  const Four factors = halvesToFloats(v);
  storeScaled<true>(bytes, first4(factors), scale);
  storeScaled<true>(lskip<8>(bytes), -second4(factors), minimum);
}

// Sixteen integers of 8 bits, a first and a second half of eight blocks in turn.
template <bool kUnsigned>
LEMMA_SIMD void storeHalfScales(Lane bytes, float factor, float* out) {
  const Lane apart = lreorder(bytes, lbytes(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15));
  storeScaled<kUnsigned>(apart, factor, out);
  storeScaled<kUnsigned>(lskip<8>(apart), factor, out + kUnitGap);
}

// 4 bits each; 64 bytes are four blocks, two in the low halves of 32 bytes and two in the high ones.
LEMMA_SIMD void nibblePairs(const std::byte* p, Quad& first, Quad& second) {
  first = bitsFrom<0, 4, 0, 4>(pieces<0, 0, 2, 2>(p), 15);
  second = bitsFrom<0, 4, 0, 4>(pieces<1, 1, 3, 3>(p), 15);
}

// 2 bits each of four blocks in every byte.
LEMMA_SIMD void bitPairs(const std::byte* p, Quad& first, Quad& second) {
  first = bitsFrom<0, 2, 4, 6>(everyLaneOf(load16(p)), 3);
  second = bitsFrom<0, 2, 4, 6>(everyLaneOf(load16(p + 16)), 3);
}

// Adds `more` where the block's bit is set: bit b of 32 bytes for block b.
LEMMA_SIMD void addHighBits(const std::byte* p, int quad, int more, Quad& first, Quad& second) {
  const auto bit = [&](int i) { return lbytes(1 << (4 * quad + i)); };
  const Quad bits = lanes(bit(0), bit(1), bit(2), bit(3));
  first = plusWhere(first, everyLaneOf(load16(p)), bits, more);
  second = plusWhere(second, everyLaneOf(load16(p + 16)), bits, more);
}

struct UnitQ2_K : UnitOf256 {
  using Block = Q2_K::Block;
  static constexpr int kBytes = sizeof(Block);
  static constexpr bool kHalves = true, kMinimum = true;
  LEMMA_UNIT void levels(const std::byte* unit, int quad, Quad& first, Quad& second) {
    bitPairs(unit + offsetof(Block, q) + 32 * quad, first, second);
  }
  // Levels times 1, 4, 16 and 64, by block: what levels() shifts down.
  static constexpr int kPlaces = 2;
  LEMMA_UNIT void levelsInPlace(const std::byte* unit, int quad, Quad& first, Quad& second) {
    const std::byte* const p = unit + offsetof(Block, q) + 32 * quad;
    first = bitsInPlace<0, 2, 4, 6>(everyLaneOf(load16(p)), 3);
    second = bitsInPlace<0, 2, 4, 6>(everyLaneOf(load16(p + 16)), 3);
  }
  LEMMA_UNIT void scales(const std::byte* unit, float* scale, float* minimum) {
    const Lane groups = load16(unit), mask = lbytes(15);
    storeHalfScales<true>(land(groups, mask), halfAt(unit + offsetof(Block, scale)), scale);
    storeHalfScales<true>(land(lwordsRight(groups, 4), mask), -halfAt(unit + offsetof(Block, minimum)), minimum);
  }
};

struct UnitQ3_K : UnitOf256 {
  using Block = Q3_K::Block;
  static constexpr int kBytes = sizeof(Block), kZero = 4;
  static constexpr bool kHalves = true;
  LEMMA_UNIT void levels(const std::byte* unit, int quad, Quad& first, Quad& second) {
    bitPairs(unit + offsetof(Block, low) + 32 * quad, first, second);
    addHighBits(unit + offsetof(Block, high), quad, 4, first, second);
  }
  static constexpr bool kUnsignedGroups = false;
  LEMMA_UNIT float factor(const std::byte* unit) { return halfAt(unit + offsetof(Block, scale)); }
  LEMMA_UNIT Lane groups(const std::byte* unit) {
    uint32_t word[3];  // low 4 bits of groups 0 to 3 and 8 to 11, of 4 to 7 and 12 to 15, then 2 bits of each
    memcpy(word, unit + offsetof(Block, scales), sizeof word);
    const auto four = [&](int i) {
      return int32_t((word[i & 1] >> (i & 2) * 2 & 0x0f0f0f0f) | (word[2] >> i * 2 & 0x03030303) << 4);
    };
    return lsubBytes(ldwords(four(0), four(1), four(2), four(3)), lbytes(32));
  }
  LEMMA_UNIT void scales(const std::byte* unit, float* scale, float*) {
    storeHalfScales<false>(groups(unit), factor(unit), scale);
  }
};

struct UnitQ4_K : UnitOf256 {
  using Block = Q4_K::Block;
  static constexpr int kBytes = sizeof(Block);
  static constexpr bool kMinimum = true;
  LEMMA_UNIT void levels(const std::byte* unit, int quad, Quad& first, Quad& second) {
    nibblePairs(unit + offsetof(Block, q) + 64 * quad, first, second);
  }
  // Levels times 1 and 16 in turn, by block.
  static constexpr int kPlaces = 4;
  LEMMA_UNIT void levelsInPlace(const std::byte* unit, int quad, Quad& first, Quad& second) {
    const std::byte* const p = unit + offsetof(Block, q) + 64 * quad;
    first = bitsInPlace<0, 4, 0, 4>(pieces<0, 0, 2, 2>(p), 15);
    second = bitsInPlace<0, 4, 0, 4>(pieces<1, 1, 3, 3>(p), 15);
  }
  LEMMA_UNIT void scales(const std::byte* unit, float* scale, float* minimum) { storeKScales(unit, scale, minimum); }
};

struct UnitQ5_K : UnitOf256 {
  using Block = Q5_K::Block;
  static constexpr int kBytes = sizeof(Block);
  static constexpr bool kMinimum = true;
  LEMMA_UNIT void levels(const std::byte* unit, int quad, Quad& first, Quad& second) {
    nibblePairs(unit + offsetof(Block, low) + 64 * quad, first, second);
    addHighBits(unit + offsetof(Block, high), quad, 16, first, second);
  }
  LEMMA_UNIT void scales(const std::byte* unit, float* scale, float* minimum) { storeKScales(unit, scale, minimum); }
};

struct UnitQ6_K : UnitOf256 {
  using Block = Q6_K::Block;
  static constexpr int kBytes = sizeof(Block), kZero = 32;
  static constexpr bool kHalves = true;
  LEMMA_UNIT void levels(const std::byte* unit, int quad, Quad& first, Quad& second) {
    const std::byte* const p = unit + offsetof(Block, low) + 64 * quad;
    Quad high[2];
    bitPairs(unit + offsetof(Block, high) + 32 * quad, high[0], high[1]);
    first = bitsFrom<0, 0, 4, 4>(pieces<0, 2, 0, 2>(p), 15) | times16(high[0]);
    second = bitsFrom<0, 0, 4, 4>(pieces<1, 3, 1, 3>(p), 15) | times16(high[1]);
  }
  static constexpr bool kUnsignedGroups = false;
  LEMMA_UNIT float factor(const std::byte* unit) { return halfAt(unit + offsetof(Block, scale)); }
  LEMMA_UNIT Lane groups(const std::byte* unit) { return load16(unit + offsetof(Block, scales)); }
  LEMMA_UNIT void scales(const std::byte* unit, float* scale, float*) {
    storeHalfScales<false>(groups(unit), factor(unit), scale);
  }
};

// -1, 0 or 1 and one scale for all.
LEMMA_SIMD void storeOneScale(float value, float* scale) {
  for (int i = 0; i < 8; i += 4) store4(scale + i, set4(value));
}

struct UnitTQ1_0 : UnitOf256 {
  using Block = TQ1_0::Block;
  static constexpr int kBytes = sizeof(Block), kZero = 1;

  // Bytes are fractions of 256 to base 3: the first digit of four lanes, and the bytes without their first digit.
  LEMMA_UNIT Quad digits(Lane a, Lane b, Lane c, Lane d) {
    const Quad v = lanes(a, b, c, d);
    return quadOf([&](int i) __attribute__((always_inline)) {
      return addWhereAtLeast(addWhereAtLeast(bset(0), v.v[i], 86), v.v[i], 171);
    });
  }
  LEMMA_UNIT Lane rest(Lane v) { return laddBytes(v, laddBytes(v, v)); }

  LEMMA_UNIT void levels(const std::byte* unit, int quad, Quad& first, Quad& second) {
    const Lane a[2] = {load16(unit), load16(unit + 16)};
    const Lane a1[2] = {rest(a[0]), rest(a[1])}, a2[2] = {rest(a1[0]), rest(a1[1])};
    const Lane a3[2] = {rest(a2[0]), rest(a2[1])};
    if (quad == 0) {
      first = digits(a[0], a1[0], a2[0], a3[0]);
      second = digits(a[1], a1[1], a2[1], a3[1]);
      return;
    }
    const Lane c = load16(unit + 32), c1 = rest(c), c2 = rest(c1), c3 = rest(c2);
    const Lane d = load4(unit + offsetof(Block, fours)), d1 = rest(d), d2 = rest(d1), d3 = rest(d2);
    const Lane fours = lzipQwords(lzipDwords(d, d1), lzipDwords(d2, d3));
    first = digits(rest(a3[0]), c, c2, rest(c3));
    second = digits(rest(a3[1]), c1, c3, fours);
  }
  LEMMA_UNIT void scales(const std::byte* unit, float* scale, float*) {
    storeOneScale(halfAt(unit + offsetof(Block, scale)), scale);
  }
};

struct UnitTQ2_0 : UnitOf256 {
  using Block = TQ2_0::Block;
  static constexpr int kBytes = sizeof(Block), kZero = 1;
  LEMMA_UNIT void levels(const std::byte* unit, int quad, Quad& first, Quad& second) {
    bitPairs(unit + 32 * quad, first, second);
  }
  LEMMA_UNIT void scales(const std::byte* unit, float* scale, float*) {
    storeOneScale(halfAt(unit + offsetof(Block, scale)), scale);
  }
};

}  // namespace lemma::cpu::LEMMA_CPU_TARGET
