// Q2_K, Q4_K and Q5_K: value = factor * scale of the group * level - second factor * minimum of the group.
#include "kernels/encode/encode.h"
#include "kernels/encode/fit.h"
#include "kernels/quant/q2_k.h"
#include "kernels/quant/q4_k.h"
#include "kernels/quant/q5_k.h"

namespace lemma::encode {
namespace {

constexpr int kBlock = 256;

// Levels 0 to `most`; scales and minima of groups are codes 0 to `mostCode`.
template <int kGroup, int most, int mostCode>
struct Fitted {
  static constexpr int kGroups = kBlock / kGroup;
  static constexpr float kMost = most;
  Values<kBlock> v;
  Half factor{}, minimumFactor{};
  int scales[kGroups] = {}, minima[kGroups] = {};
  alignas(16) float levels[kBlock] = {};

  Fitted(const float* in, const float* importance) : v(in, importance) {
    if (v.zero) return;
    Affine d = initial();
    float error = total(d);
    for (int turn = 0; turn < 3; ++turn) {
      error = improveCodes(d);
      const Affine fit = bestFactors(d);
      const Affine next{v.asHalf(fit.scale), v.asHalf(fit.minimum)};
      const float nextError = total(next);
      if (!(nextError < error)) break;
      d = next;
      error = nextError;
    }
    factor = v.half(d.scale);
    minimumFactor = v.half(d.minimum);
    for (int g = 0; g < kGroups; ++g) {
      for (int i = g * kGroup; i < (g + 1) * kGroup; i += 4) {
        store(levels + i, affineLevels(load(v.x + i), of(g, d), kMost));
      }
    }
  }

 private:
  Affine of(int g, Affine d) const { return {d.scale * float(scales[g]), d.minimum * float(minima[g])}; }

  Affine initial() {
    Affine fits[kGroups], largest;
    for (int g = 0; g < kGroups; ++g) {
      fits[g] = bestAffine<kGroup>(v.x + g * kGroup, v.w + g * kGroup, kMost, false);
      largest.scale = std::max(largest.scale, fits[g].scale);
      largest.minimum = std::max(largest.minimum, fits[g].minimum);
    }
    const Affine d{v.asHalf(largest.scale / mostCode), v.asHalf(largest.minimum / mostCode)};
    for (int g = 0; g < kGroups; ++g) {
      scales[g] = d.scale > 0 ? clampToInt(rounded(fits[g].scale / d.scale), 0, mostCode) : 0;
      minima[g] = d.minimum > 0 ? clampToInt(rounded(fits[g].minimum / d.minimum), 0, mostCode) : 0;
    }
    return d;
  }

  float errorOf(int g, Affine a) const { return errorAt<kGroup>(v.x + g * kGroup, v.w + g * kGroup, a, kMost); }
  float total(Affine d) const {
    float error = 0;
    for (int g = 0; g < kGroups; ++g) error += errorOf(g, of(g, d));
    return error;
  }
  float improveCodes(Affine d) {
    float error = 0;
    for (int g = 0; g < kGroups; ++g) {
      const int scale = scales[g], minimum = minima[g];
      float least = errorOf(g, of(g, d));
      for (int s = std::max(0, scale - 1); s <= std::min(mostCode, scale + 1); ++s) {
        for (int m = std::max(0, minimum - 1); m <= std::min(mostCode, minimum + 1); ++m) {
          if (s == scale && m == minimum) continue;
          const float e = errorOf(g, {d.scale * float(s), d.minimum * float(m)});
          if (e < least) least = e, scales[g] = s, minima[g] = m;
        }
      }
      error += least;
    }
    return error;
  }
  // Weighted least squares over the whole block, for the codes and levels as they are.
  Affine bestFactors(Affine d) const {
    double aa = 0, ab = 0, bb = 0, xa = 0, xb = 0;
    for (int g = 0; g < kGroups; ++g) {
      const float s = float(scales[g]), m = float(minima[g]);
      F4 w1 = splat(0.0f), q1 = w1, q2 = w1, x1 = w1, xq = w1;
      for (int i = g * kGroup; i < (g + 1) * kGroup; i += 4) {
        const F4 x = load(v.x + i), w = load(v.w + i), q = affineLevels(x, of(g, d), kMost);
        w1 += w;
        q1 += w * q;
        q2 += w * q * q;
        x1 += w * x;
        xq += w * x * q;
      }
      aa += s * s * sum(q2);
      ab += s * m * sum(q1);
      bb += m * m * sum(w1);
      xa += s * sum(xq);
      xb += m * sum(x1);
    }
    // x = scale * a - minimum * b
    const double determinant = aa * bb - ab * ab;
    if (determinant > 1e-9 * aa * bb) {
      const Affine fit{float((xa * bb - xb * ab) / determinant), float((xa * ab - xb * aa) / determinant)};
      if (fit.scale > 0 && fit.minimum >= 0) return fit;
    }
    return {aa > 0 && xa > 0 && bb == 0 ? float(xa / aa) : d.scale, d.minimum};
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

template <class Fit>
void packScales(const Fit& fit, KScales& k) {
  for (int g = 0; g < 8; ++g) {
    const int s = fit.scales[g], m = fit.minima[g];
    if (g < 4) {
      k.bytes[g] |= uint8_t(s);
      k.bytes[g + 4] |= uint8_t(m);
    } else {
      k.bytes[g + 4] |= uint8_t((s & 15) | (m & 15) << 4);
      k.bytes[g - 4] |= uint8_t((s >> 4) << 6);
      k.bytes[g] |= uint8_t((m >> 4) << 6);
    }
  }
}

}  // namespace

void q2_k(const float* in, const float* importance, std::byte* blocks, int64_t n) {
  eachBlock<Q2_K>(in, importance, blocks, n, [](const float* x, const float* w, Q2_K::Block& b) {
    const Fitted<16, 3, 15> fit(x, w);
    b.scale = fit.factor;
    b.minimum = fit.minimumFactor;
    for (int g = 0; g < 16; ++g) b.scales[g] = uint8_t(fit.scales[g] | fit.minima[g] << 4);
    for (int i = 0; i < kBlock; ++i) {
      b.q[i / 128 * 32 + i % 32] |= uint8_t(int(fit.levels[i]) << (i % 128 / 32 * 2));
    }
  });
}

void q4_k(const float* in, const float* importance, std::byte* blocks, int64_t n) {
  eachBlock<Q4_K>(in, importance, blocks, n, [](const float* x, const float* w, Q4_K::Block& b) {
    const Fitted<32, 15, 63> fit(x, w);
    b.scale = fit.factor;
    b.minimum = fit.minimumFactor;
    packScales(fit, b.groups);
    for (int i = 0; i < kBlock; ++i) {
      b.q[i / 64 * 32 + i % 32] |= uint8_t(int(fit.levels[i]) << (i % 64 / 32 * 4));
    }
  });
}

void q5_k(const float* in, const float* importance, std::byte* blocks, int64_t n) {
  eachBlock<Q5_K>(in, importance, blocks, n, [](const float* x, const float* w, Q5_K::Block& b) {
    const Fitted<32, 31, 63> fit(x, w);
    b.scale = fit.factor;
    b.minimum = fit.minimumFactor;
    packScales(fit, b.groups);
    for (int i = 0; i < kBlock; ++i) {
      const int level = int(fit.levels[i]);
      b.low[i / 64 * 32 + i % 32] |= uint8_t((level & 15) << (i % 64 / 32 * 4));
      b.high[i % 32] |= uint8_t((level >> 4) << (i / 32));
    }
  });
}

}  // namespace lemma::encode
