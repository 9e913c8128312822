// How formats of blocks of 32 or 64 values are taken apart, four blocks of 32 a unit (weight_formats_k.h says what a
// unit is), and IQ4_XS, 256 values of IQ4_NL's levels. Included once a target, after weight_formats_k.h; pure
// functions, any thread.
#include "kernels/quant/iq4_nl.h"
#include "kernels/quant/iq4_xs.h"
#include "kernels/quant/mxfp4.h"
#include "kernels/quant/nvfp4.h"
#include "kernels/quant/q4_0.h"
#include "kernels/quant/q4_1.h"
#include "kernels/quant/q5_0.h"
#include "kernels/quant/q5_1.h"
#include "kernels/quant/q8_0.h"

namespace lemma::cpu::LEMMA_CPU_TARGET {

// Blocks as Q4_0 has them: byte i of 16 holds values i and i + 16.
template <class Block_, int kNibbles>
struct UnitOfFour {
  using Block = Block_;
  static constexpr int kBlocks = 4, kSize = sizeof(Block), kBytes = 4 * kSize, kZero = 0;
  static constexpr bool kHalves = false, kMinimum = false, kSigned = false;

  LEMMA_UNIT void nibbles(const std::byte* unit, Quad& first, Quad& second) {
    const std::byte* const p = unit + kNibbles;
    const Quad v = lanes(load16(p), load16(p + kSize), load16(p + 2 * kSize), load16(p + 3 * kSize));
    first = bitsFrom<0, 0, 0, 0>(v, 15);
    second = bitsFrom<4, 4, 4, 4>(v, 15);
  }
  // Adds 16 where the bit of a value is set in the block's four bytes.
  LEMMA_UNIT void fifthBits(const std::byte* unit, int at, Quad& first, Quad& second) {
    uint64_t bits[2] = {};
    for (int i = 0; i < 4; ++i) {
      for (int half = 0; half < 2; ++half) {
        uint16_t word;
        memcpy(&word, unit + i * kSize + at + 2 * half, 2);
        bits[half] |= uint64_t(word) << (16 * i);
      }
    }
    first = addWhere(first, bits[0], 16);
    second = addWhere(second, bits[1], 16);
  }
};

struct UnitQ4_0 : UnitOfFour<Q4_0::Block, offsetof(Q4_0::Block, q)> {
  static constexpr int kZero = 8;
  LEMMA_UNIT void levels(const std::byte* unit, int, Quad& first, Quad& second) { nibbles(unit, first, second); }
  LEMMA_UNIT void scales(const std::byte* unit, float* scale, float*) { store4(scale, fourHalves(unit, kSize)); }
};

struct UnitQ4_1 : UnitOfFour<Q4_1::Block, offsetof(Q4_1::Block, q)> {
  static constexpr bool kMinimum = true;
  LEMMA_UNIT void levels(const std::byte* unit, int, Quad& first, Quad& second) { nibbles(unit, first, second); }
  LEMMA_UNIT void scales(const std::byte* unit, float* scale, float* minimum) {
    store4(scale, fourHalves(unit, kSize));
    store4(minimum, fourHalves(unit + offsetof(Block, minimum), kSize));
  }
};

struct UnitQ8_0 : UnitOfFour<Q8_0::Block, offsetof(Q8_0::Block, q)> {
  static constexpr int kZero = kByteZero;
  static constexpr bool kSigned = kByteZero == 0;
  LEMMA_UNIT Quad bytes(const std::byte* p) {
    const Quad q = lanes(load16(p), load16(p + kSize), load16(p + 2 * kSize), load16(p + 3 * kSize));
    return kZero == 0 ? q : plus(q, kZero);
  }
  LEMMA_UNIT void levels(const std::byte* unit, int, Quad& first, Quad& second) {
    first = bytes(unit + offsetof(Block, q));
    second = bytes(unit + offsetof(Block, q) + 16);
  }
  LEMMA_UNIT void scales(const std::byte* unit, float* scale, float*) { store4(scale, fourHalves(unit, kSize)); }
};

struct UnitQ5_0 : UnitOfFour<Q5_0::Block, offsetof(Q5_0::Block, low)> {
  static constexpr int kZero = 16;
  LEMMA_UNIT void levels(const std::byte* unit, int, Quad& first, Quad& second) {
    nibbles(unit, first, second);
    fifthBits(unit, offsetof(Block, high), first, second);
  }
  LEMMA_UNIT void scales(const std::byte* unit, float* scale, float*) { store4(scale, fourHalves(unit, kSize)); }
};

struct UnitQ5_1 : UnitOfFour<Q5_1::Block, offsetof(Q5_1::Block, low)> {
  static constexpr bool kMinimum = true;
  LEMMA_UNIT void levels(const std::byte* unit, int, Quad& first, Quad& second) {
    nibbles(unit, first, second);
    fifthBits(unit, offsetof(Block, high), first, second);
  }
  LEMMA_UNIT void scales(const std::byte* unit, float* scale, float* minimum) {
    store4(scale, fourHalves(unit, kSize));
    store4(minimum, fourHalves(unit + offsetof(Block, minimum), kSize));
  }
};

// What 4 bits stand for, moved up by `zero`.
struct NibbleTable {
  int8_t values[16];
};
consteval NibbleTable nibbleTable(const int8_t* values, int zero) {
  NibbleTable t{};
  for (int i = 0; i < 16; ++i) t.values[i] = int8_t(values[i] + zero);
  return t;
}
constexpr int kFp4Zero = 12;
alignas(16) constexpr NibbleTable kIq4Table = nibbleTable(kIq4Values, kByteZero);
alignas(16) constexpr NibbleTable kFp4Table = nibbleTable(kFp4Doubled, kFp4Zero);

struct UnitIQ4_NL : UnitOfFour<IQ4_NL::Block, offsetof(IQ4_NL::Block, q)> {
  static constexpr int kZero = kByteZero;
  static constexpr bool kSigned = kByteZero == 0;
  LEMMA_UNIT void levels(const std::byte* unit, int, Quad& first, Quad& second) {
    nibbles(unit, first, second);
    first = lookUp(load16(kIq4Table.values), first);
    second = lookUp(load16(kIq4Table.values), second);
  }
  LEMMA_UNIT void scales(const std::byte* unit, float* scale, float*) { store4(scale, fourHalves(unit, kSize)); }
};

struct UnitIQ4_XS : UnitOf256 {
  using Block = IQ4_XS::Block;
  static constexpr int kBytes = sizeof(Block), kZero = kByteZero;
  static constexpr bool kSigned = kByteZero == 0;
  LEMMA_UNIT void levels(const std::byte* unit, int quad, Quad& first, Quad& second) {
    const Quad v = quadAt(unit + offsetof(Block, q) + 64 * quad);
    first = lookUp(load16(kIq4Table.values), bitsFrom<0, 0, 0, 0>(v, 15));
    second = lookUp(load16(kIq4Table.values), bitsFrom<4, 4, 4, 4>(v, 15));
  }
  static constexpr bool kUnsignedGroups = false;
  LEMMA_UNIT float factor(const std::byte* unit) { return halfAt(unit); }
  LEMMA_UNIT Lane groups(const std::byte* unit) {
    int16_t bits;
    memcpy(&bits, unit + offsetof(Block, scalesHigh), 2);
    // The two bits of each group on top of a word of its own, then below.
    const Lane apart = lmulWords(lwords(bits), lwords(1 << 14, 1 << 12, 1 << 10, 1 << 8, 1 << 6, 1 << 4, 1 << 2, 1));
    const Lane high = lwordsLeft(lwordsRight(apart, 14), 4);
    const Lane pairs = load4(unit + offsetof(Block, scalesLow));
    const Lane low = land(lzipBytes(pairs, lwordsRight(pairs, 4)), lbytes(15));
    return lsubBytes(lor(lpackWords(high, high), low), lbytes(32));
  }
  LEMMA_UNIT void scales(const std::byte* unit, float* scale, float*) {
    storeScaled<false>(groups(unit), factor(unit), scale);
  }
};

struct UnitMXFP4 : UnitOfFour<MXFP4::Block, offsetof(MXFP4::Block, q)> {
  static constexpr int kZero = kFp4Zero;
  LEMMA_UNIT void levels(const std::byte* unit, int, Quad& first, Quad& second) {
    nibbles(unit, first, second);
    first = lookUp(load16(kFp4Table.values), first);
    second = lookUp(load16(kFp4Table.values), second);
  }
  LEMMA_UNIT void scales(const std::byte* unit, float* scale, float*) {
    const auto code = [&](int i) { return int(uint8_t(unit[i * kSize])); };
    const Lane v = ldwords(code(0), code(1), code(2), code(3)), one = ldwords(1);
    // 2^(v - 128); below 2 a number whose exponent bits are zero.
    const Lane whole = ldwordsLeft(lsubDwords(v, one), 23), small = ldwordsLeft(laddDwords(v, one), 21);
    store4(scale, asFloat4(lselect(small, whole, laboveDwords(v, one))));
  }
};

// A block of 64 values is two of 32.
struct UnitNVFP4 {
  using Block = NVFP4::Block;
  static constexpr int kBlocks = 4, kBytes = 2 * sizeof(Block), kZero = kFp4Zero;
  static constexpr bool kHalves = true, kMinimum = false, kSigned = false;
  LEMMA_UNIT void levels(const std::byte* unit, int, Quad& first, Quad& second) {
    const std::byte* const p = unit + offsetof(Block, q);
    const auto low = [](const std::byte* q) __attribute__((always_inline)) {
      return lzipQwords(load16(q), lwordsRight(load16(q), 4));
    };
    const auto high = [](const std::byte* q) __attribute__((always_inline)) {
      return lzipHighQwords(load16(q), lwordsRight(load16(q), 4));
    };
    constexpr int kNext = sizeof(Block);
    const Lane table = load16(kFp4Table.values);
    first = lookUp(table, bitsFrom<0, 0, 0, 0>(lanes(low(p), low(p + 16), low(p + kNext), low(p + kNext + 16)), 15));
    second =
        lookUp(table, bitsFrom<0, 0, 0, 0>(lanes(high(p), high(p + 16), high(p + kNext), high(p + kNext + 16)), 15));
  }
  LEMMA_UNIT void scales(const std::byte* unit, float* scale, float*) {
    const Lane order = lbytes(0, 2, 4, 6, 1, 3, 5, 7, -1, -1, -1, -1, -1, -1, -1, -1);
    const Lane both = lzipDwords(load4(unit), load4(unit + sizeof(Block))), nan = lbytes(0x7f);
    const Lane codes = land(lreorder(both, order), nan);
    const Lane numbers = landNot(lequalBytes(codes, nan), codes);
    // As halves their exponents are 8 too small; half of them is wanted, since the levels are doubled.
    const Lane halves = lwordsRight(lzipBytes(lzero(), numbers), 1);
    const Four unitOfHalves = set4(128);
    store4(scale, mul4(halvesToFloats(halves), unitOfHalves));
    store4(scale + kUnitGap, mul4(halvesToFloats(lskip<8>(halves)), unitOfHalves));
  }
};

}  // namespace lemma::cpu::LEMMA_CPU_TARGET
