// Q3_K, Q6_K and IQ4_XS: value = factor * scale of the group * level.
#include "kernels/encode/encode.h"
#include "kernels/encode/fit.h"
#include "kernels/quant/iq4_xs.h"
#include "kernels/quant/q3_k.h"
#include "kernels/quant/q6_k.h"

namespace lemma::encode {
namespace {

constexpr int kBlock = 256;

template <class Levels, int kGroup, int codeLow, int codeHigh>
struct Fitted {
  static constexpr int kGroups = kBlock / kGroup;
  Values<kBlock> v;
  Half factor{};
  int codes[kGroups] = {};
  alignas(16) float levels[kBlock] = {};

  Fitted(const float* in, const float* importance) : v(in, importance) {
    if (v.zero) return;
    float d = initial();
    float error = total(d);
    for (int turn = 0; turn < 2; ++turn) {
      error = improveCodes(d);
      const float next = v.asHalf(bestFactor(d));
      const float nextError = total(next);
      if (!(nextError < error)) break;
      d = next;
      error = nextError;
    }
    factor = v.half(d);
    for (int g = 0; g < kGroups; ++g) {
      const float scale = d * float(codes[g]);
      const F4 inverse = splat(scale != 0 ? 1.0f / scale : 0.0f);
      for (int i = g * kGroup; i < (g + 1) * kGroup; i += 4) {
        store(levels + i, Levels::nearest(load(v.x + i) * inverse));
      }
    }
  }

 private:
  static int code(float c) { return clampToInt(rounded(c), codeLow, codeHigh); }

  // The group of the largest scale gets the code of the largest magnitude.
  float initial() {
    float scales[kGroups], extreme = 0;
    for (int g = 0; g < kGroups; ++g) {
      scales[g] = bestScale<Levels, kGroup>(v.x + g * kGroup, v.w + g * kGroup);
      if (std::fabs(scales[g]) > std::fabs(extreme)) extreme = scales[g];
    }
    const float d = v.asHalf(extreme / float(codeLow));
    for (int g = 0; g < kGroups; ++g) codes[g] = d != 0 ? code(scales[g] / d) : 0;
    return d;
  }

  float errorOf(int g, float scale) const { return errorAt<Levels, kGroup>(v.x + g * kGroup, v.w + g * kGroup, scale); }
  float total(float d) const {
    float error = 0;
    for (int g = 0; g < kGroups; ++g) error += errorOf(g, d * float(codes[g]));
    return error;
  }
  float improveCodes(float d) {
    float error = 0;
    for (int g = 0; g < kGroups; ++g) {
      const int middle = codes[g];
      float least = errorOf(g, d * float(middle));
      for (int c = std::max(codeLow, middle - 1); c <= std::min(codeHigh, middle + 1); ++c) {
        if (c == middle) continue;
        const float e = errorOf(g, d * float(c));
        if (e < least) least = e, codes[g] = c;
      }
      error += least;
    }
    return error;
  }
  float bestFactor(float d) const {
    float xq = 0, qq = 0;
    for (int g = 0; g < kGroups; ++g) {
      const float c = float(codes[g]);
      if (d * c == 0) continue;
      const Moments m = momentsAt<Levels, kGroup>(v.x + g * kGroup, v.w + g * kGroup, 1.0f / (d * c));
      xq += c * m.xq;
      qq += c * c * m.qq;
    }
    return qq > 0 ? xq / qq : d;
  }
};

template <class Format, class Pack>
void eachBlock(const float* in, const float* importance, std::byte* blocks, int64_t n, const Pack& pack) {
  auto* b = reinterpret_cast<typename Format::Block*>(blocks);
  for (int64_t i = 0; i < n; i += kBlock, ++b) {
    *b = {};
    pack(in + i, importance ? importance + i : nullptr, *b);
  }
}

}  // namespace

void q3_k(const float* in, const float* importance, std::byte* blocks, int64_t n) {
  eachBlock<Q3_K>(in, importance, blocks, n, [](const float* x, const float* w, Q3_K::Block& b) {
    const Fitted<Whole<-4, 3>, 16, -32, 31> fit(x, w);
    b.scale = fit.factor;
    for (int g = 0; g < 16; ++g) {
      const int c = fit.codes[g] + 32;
      b.scales[g % 8] |= uint8_t((c & 15) << (g / 8 * 4));
      b.scales[8 + g % 4] |= uint8_t((c >> 4) << (g / 4 * 2));
    }
    for (int i = 0; i < kBlock; ++i) {
      const int level = int(fit.levels[i]) + 4;
      b.low[i / 128 * 32 + i % 32] |= uint8_t((level & 3) << (i % 128 / 32 * 2));
      b.high[i % 32] |= uint8_t((level >> 2) << (i / 32));
    }
  });
}

void q6_k(const float* in, const float* importance, std::byte* blocks, int64_t n) {
  eachBlock<Q6_K>(in, importance, blocks, n, [](const float* x, const float* w, Q6_K::Block& b) {
    const Fitted<Whole<-32, 31>, 16, -128, 127> fit(x, w);
    b.scale = fit.factor;
    for (int g = 0; g < 16; ++g) b.scales[g] = int8_t(fit.codes[g]);
    for (int i = 0; i < kBlock; ++i) {
      const int level = int(fit.levels[i]) + 32, within = i % 128;
      b.low[i / 128 * 64 + within % 64] |= uint8_t((level & 15) << (within / 64 * 4));
      b.high[i / 128 * 32 + within % 32] |= uint8_t((level >> 4) << (within / 32 * 2));
    }
  });
}

void iq4_xs(const float* in, const float* importance, std::byte* blocks, int64_t n) {
  eachBlock<IQ4_XS>(in, importance, blocks, n, [](const float* x, const float* w, IQ4_XS::Block& b) {
    const Fitted<Uneven, 32, -32, 31> fit(x, w);
    b.scale = fit.factor;
    for (int g = 0; g < 8; ++g) {
      const int c = fit.codes[g] + 32;
      b.scalesLow[g / 2] |= uint8_t((c & 15) << (g % 2 * 4));
      b.scalesHigh[g / 4] |= uint8_t((c >> 4) << (g % 4 * 2));
    }
    for (int i = 0; i < kBlock; ++i) {
      const int level = int(std::find(kIq4Values, kIq4Values + 15, int8_t(fit.levels[i])) - kIq4Values);
      b.q[i / 32 * 16 + i % 16] |= uint8_t(level << (i % 32 / 16 * 4));
    }
  });
}

}  // namespace lemma::encode
