// What formats are unpacked with: 64 bytes as four lanes of 16, lane i for block i of four. Two of them, the first and
// the second halves of the blocks, are the order in which activations lie. Included once a target, after its simd_*.h;
// pure functions, any thread.
#include <cstring>

#include "kernels/cpu/kernel_table.h"

namespace lemma::cpu::LEMMA_CPU_TARGET {

#define LEMMA_UNIT [[gnu::always_inline]] static inline

constexpr int kQuadParts = 4 / kGroup;

struct Quad {
  I v[kQuadParts];
};

template <class Part>
LEMMA_SIMD Quad quadOf(const Part& part) {
  Quad q;
#pragma GCC unroll 4
  for (int i = 0; i < kQuadParts; ++i) q.v[i] = part(i);
  return q;
}

LEMMA_SIMD Quad quadAt(const std::byte* p) {
  return quadOf([&](int i) __attribute__((always_inline)) { return iload(p + i * int(sizeof(I))); });
}
LEMMA_SIMD Quad lanes(Lane a, Lane b, Lane c, Lane d) {
  const Lane all[4] = {a, b, c, d};
  return quadOf([&](int i) __attribute__((always_inline)) { return lanesOf(all + i * kGroup); });
}
// The 16-byte pieces a, b, c and d of the 64 bytes at p.
template <int a, int b, int c, int d>
LEMMA_SIMD Quad pieces(const std::byte* p) {
#if defined(__AVX512F__)
  const I v = iload(p);
  return {{_mm512_shuffle_i64x2(v, v, a | b << 2 | c << 4 | d << 6)}};
#else
  return lanes(load16(p + 16 * a), load16(p + 16 * b), load16(p + 16 * c), load16(p + 16 * d));
#endif
}
LEMMA_SIMD Quad everyLaneOf(Lane v) {
  return quadOf([&](int) __attribute__((always_inline)) { return everyLane(v); });
}
LEMMA_SIMD void store(std::byte* p, const Quad& q) {
#pragma GCC unroll 4
  for (int i = 0; i < kQuadParts; ++i) memcpy(p + i * int(sizeof(I)), &q.v[i], sizeof(I));
}

// Bits n of each lane's bytes upwards, `mask` of them.
template <int a, int b, int c, int d>
LEMMA_SIMD Quad bitsFrom(const Quad& q, int mask) {
  constexpr int n[4] = {a, b, c, d};
  return quadOf([&](int i)
                    __attribute__((always_inline)) { return band(shiftLanes(q.v[i], n + i * kGroup), bset(mask)); });
}
// The same bits, `mask` in lane i moved up by a, b, c or d, where they are.
template <int a, int b, int c, int d>
LEMMA_SIMD Quad bitsInPlace(const Quad& q, int mask) {
  const auto of = [&](int n) { return lbytes(mask << n); };
  const Quad masks = lanes(of(a), of(b), of(c), of(d));
  return quadOf([&](int i) __attribute__((always_inline)) { return band(q.v[i], masks.v[i]); });
}
LEMMA_SIMD Quad operator|(const Quad& a, const Quad& b) {
  return quadOf([&](int i) __attribute__((always_inline)) { return bor(a.v[i], b.v[i]); });
}
LEMMA_SIMD Quad plus(const Quad& a, int more) {
  return quadOf([&](int i) __attribute__((always_inline)) { return badd(a.v[i], bset(more)); });
}
LEMMA_SIMD Quad times16(const Quad& a) {  // of bytes below 16
  return quadOf([&](int i) __attribute__((always_inline)) { return btimes16(a.v[i]); });
}
LEMMA_SIMD Quad lookUp(Lane table, const Quad& index) {
  return quadOf([&](int i) __attribute__((always_inline)) { return lookUp(everyLane(table), index.v[i]); });
}
// + more where v has all of `bits`.
LEMMA_SIMD Quad plusWhere(const Quad& x, const Quad& v, const Quad& bits, int more) {
  return quadOf([&](int i) __attribute__((always_inline)) { return addWhereAll(x.v[i], v.v[i], bits.v[i], more); });
}

// Where a bit is set, bit i for byte i: more added, taken from `sum`.
LEMMA_SIMD Quad addWhere(const Quad& x, uint64_t bytes, int more) {
  return quadOf([&](int i)
                    __attribute__((always_inline)) { return addWhere(x.v[i], bytes >> (i * 16 * kGroup), more); });
}
LEMMA_SIMD Quad mirrorWhere(const Quad& x, uint64_t bytes, int sum) {
  return quadOf([&](int i)
                    __attribute__((always_inline)) { return mirrorWhere(x.v[i], bytes >> (i * 16 * kGroup), sum); });
}

LEMMA_SIMD float halfAt(const std::byte* p) {
  int16_t bits;
  memcpy(&bits, p, 2);
  return first4(halvesToFloats(ldword(bits)));
}
// Four halves, `stride` apart.
LEMMA_SIMD Four fourHalves(const std::byte* p, int64_t stride) {
  int16_t bits[4];
  for (int i = 0; i < 4; ++i) memcpy(bits + i, p + i * stride, 2);
  return halvesToFloats(lwords(bits[0], bits[1], bits[2], bits[3], 0, 0, 0, 0));
}

}  // namespace lemma::cpu::LEMMA_CPU_TARGET
