// Q4_0, Q4_1, Q5_0, Q5_1 and IQ4_NL: one scale in half precision, or a scale and a minimum.
#include "kernels/encode/encode.h"
#include "kernels/encode/fit.h"
#include "kernels/quant/iq4_nl.h"
#include "kernels/quant/q4_0.h"
#include "kernels/quant/q4_1.h"
#include "kernels/quant/q5_0.h"
#include "kernels/quant/q5_1.h"

namespace lemma::encode {
namespace {

constexpr int kBlock = 32;
using Levels = float[kBlock];

// Calls pack(block, level of value i, i) with levels of `Set`, lowest level first.
template <class Format, class Set, class Pack>
void oneScale(const float* in, const float* importance, std::byte* blocks, int64_t n, const Pack& pack) {
  auto* b = reinterpret_cast<typename Format::Block*>(blocks);
  for (int64_t at = 0; at < n; at += kBlock, ++b) {
    *b = {};
    const Values<kBlock> v(in + at, importance ? importance + at : nullptr);
    const float wanted = bestScale<Set, kBlock>(v.x, v.w), scale = v.asHalf(wanted);
    b->scale = v.half(wanted);
    const F4 inverse = splat(scale != 0 ? 1.0f / scale : 0.0f);
    alignas(16) Levels levels;
    for (int i = 0; i < kBlock; i += 4) store(levels + i, Set::nearest(load(v.x + i) * inverse));
    for (int i = 0; i < kBlock; ++i) pack(*b, int(levels[i]), i);
  }
}

template <class Format, class Pack>
void scaleAndMinimum(const float* in, const float* importance, std::byte* blocks, int64_t n, float most,
                     const Pack& pack) {
  auto* b = reinterpret_cast<typename Format::Block*>(blocks);
  for (int64_t at = 0; at < n; at += kBlock, ++b) {
    *b = {};
    const Values<kBlock> v(in + at, importance ? importance + at : nullptr);
    const Affine wanted = bestAffine<kBlock>(v.x, v.w, most, true);
    const Affine fit{v.asHalf(wanted.scale), v.asHalf(wanted.minimum)};
    b->scale = v.half(wanted.scale);
    b->minimum = v.half(-wanted.minimum);
    alignas(16) Levels levels;
    for (int i = 0; i < kBlock; i += 4) store(levels + i, affineLevels(load(v.x + i), fit, most));
    for (int i = 0; i < kBlock; ++i) pack(*b, int(levels[i]), i);
  }
}

uint8_t nibble(int level, int i) { return uint8_t((level & 15) << (i < kBlock / 2 ? 0 : 4)); }

template <class Block>
void packFive(Block& b, int level, int i) {
  b.low[i % (kBlock / 2)] |= nibble(level, i);
  b.high[i / 8] |= uint8_t((level >> 4) << (i % 8));
}

}  // namespace

void q4_0(const float* in, const float* importance, std::byte* blocks, int64_t n) {
  oneScale<Q4_0, Whole<-8, 7>>(in, importance, blocks, n,
                               [](Q4_0::Block& b, int level, int i) { b.q[i % (kBlock / 2)] |= nibble(level + 8, i); });
}

void q5_0(const float* in, const float* importance, std::byte* blocks, int64_t n) {
  oneScale<Q5_0, Whole<-16, 15>>(in, importance, blocks, n,
                                 [](Q5_0::Block& b, int level, int i) { packFive(b, level + 16, i); });
}

void iq4_nl(const float* in, const float* importance, std::byte* blocks, int64_t n) {
  oneScale<IQ4_NL, Uneven>(in, importance, blocks, n, [](IQ4_NL::Block& b, int value, int i) {
    const int level = int(std::find(kIq4Values, kIq4Values + 15, int8_t(value)) - kIq4Values);
    b.q[i % (kBlock / 2)] |= nibble(level, i);
  });
}

void q4_1(const float* in, const float* importance, std::byte* blocks, int64_t n) {
  scaleAndMinimum<Q4_1>(in, importance, blocks, n, 15,
                        [](Q4_1::Block& b, int level, int i) { b.q[i % (kBlock / 2)] |= nibble(level, i); });
}

void q5_1(const float* in, const float* importance, std::byte* blocks, int64_t n) {
  scaleAndMinimum<Q5_1>(in, importance, blocks, n, 31, [](Q5_1::Block& b, int level, int i) { packFive(b, level, i); });
}

}  // namespace lemma::encode
