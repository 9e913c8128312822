// What the searching writers share: values brought to a common size, and scales for one group of values.
// Pure functions, any thread; included by the .cpp files of this folder only.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/encode/lanes.h"
#include "kernels/quant/code_book.h"

namespace lemma::encode {

// Values divided by a power of two so that the largest magnitude is from 0.5 to 1: squares neither overflow nor vanish.
template <int N>
struct Values {
  alignas(16) float x[N];
  alignas(16) float w[N];
  double unit = 1;  // in[i] = x[i] * unit
  bool zero = false;

  Values(const float* in, const float* importance) {
    float most = 0, heaviest = 0;
    for (int i = 0; i < N; ++i) {
      constexpr float kMost = std::numeric_limits<float>::max();
      x[i] = std::isnan(in[i]) ? 0.0f : std::clamp(in[i], -kMost, kMost);
      most = std::max(most, std::fabs(x[i]));
      w[i] = importance && importance[i] > 0 ? std::min(importance[i], kMost) : 0.0f;
      heaviest = std::max(heaviest, w[i]);
    }
    zero = most == 0;
    int exponent = 0;
    std::frexp(most, &exponent);
    unit = std::ldexp(1.0, exponent);
    for (float& v : x) v = float(double(v) / unit);
    // Columns that were never seen count a little, so that their values stay sensible.
    for (float& v : w) v = heaviest > 0 ? std::max(v / heaviest, 1e-6f) : 1.0f;
  }

  // A factor as the file can hold it, in the units of x.
  Half half(float d) const { return halfFromFloat(float(std::clamp(double(d) * unit, -65504.0, 65504.0))); }
  float asHalf(float d) const { return float(double(halfToFloat(half(d))) / unit); }
};

// Sets of levels: nearest(v) is the level next to v, kLow and kHigh its ends.
template <int low, int high>
struct Whole {
  static constexpr float kLow = low, kHigh = high;
  static LEMMA_INLINE F4 nearest(F4 v) { return rounded(clamp(v, kLow, kHigh)); }
};

struct Uneven {  // of IQ4_NL and IQ4_XS
  static constexpr float kLow = kIq4Values[0], kHigh = kIq4Values[15];
  static LEMMA_INLINE F4 nearest(F4 v) {
    F4 level = splat(kLow);
    for (int k = 1; k < 16; ++k) {
      const float middle = 0.5f * float(kIq4Values[k - 1] + kIq4Values[k]);
      const F4 step = splat(float(kIq4Values[k] - kIq4Values[k - 1]));
      level += v > splat(middle) ? step : splat(0.0f);
    }
    return level;
  }
};

// Sum of w * (x - scale * level)^2 with each value at its nearest level.
template <class Levels, int N>
LEMMA_INLINE float errorAt(const float* x, const float* w, float scale) {
  const F4 inverse = splat(scale != 0 ? 1.0f / scale : 0.0f);
  F4 error = splat(0.0f);
  for (int i = 0; i < N; i += 4) {
    const F4 v = load(x + i);
    const F4 rest = v - splat(scale) * Levels::nearest(v * inverse);
    error += load(w + i) * rest * rest;
  }
  return sum(error);
}

// Sums of w * x * level and w * level^2 with each value at its level for the inverse scale.
struct Moments {
  float xq = 0, qq = 0;
  float gain() const { return qq > 0 ? xq * xq / qq : 0.0f; }  // by how much the best scale lowers the error
  float scale() const { return qq > 0 ? xq / qq : 0.0f; }
};

template <class Levels, int N>
LEMMA_INLINE Moments momentsAt(const float* x, const float* w, float inverse) {
  F4 xq = splat(0.0f), qq = splat(0.0f);
  for (int i = 0; i < N; i += 4) {
    const F4 v = load(x + i), level = Levels::nearest(v * splat(inverse)), weighted = load(w + i) * level;
    xq += weighted * v;
    qq += weighted * level;
  }
  return {sum(xq), sum(qq)};
}

// The scale of least error for a group: from a range around the one that puts the largest value on an end of the
// levels, on either end, the best, then level and scale in turn.
template <class Levels, int N>
LEMMA_INLINE float bestScale(const float* x, const float* w) {
  float extreme = 0;
  for (int i = 0; i < N; ++i) {
    if (std::fabs(x[i]) > std::fabs(extreme)) extreme = x[i];
  }
  if (std::fabs(extreme) < 1e-20f) return 0;
  // With few levels it pays to cut off or to leave out more at the ends.
  constexpr int kSteps = 10;
  constexpr float kSpan = Levels::kHigh < 8 ? 0.35f : Levels::kHigh < 20 ? 0.2f : Levels::kHigh < 40 ? 0.06f : 0.25f;
  Moments best;
  for (const float end : {Levels::kLow, Levels::kHigh}) {
    for (int step = -kSteps; step <= kSteps; ++step) {
      const float factor = 1.0f + kSpan / kSteps * float(step);
      const Moments m = momentsAt<Levels, N>(x, w, end * factor / extreme);
      if (m.gain() > best.gain()) best = m;
    }
  }
  for (int turn = 0; turn < 3 && best.xq != 0; ++turn) {
    const Moments m = momentsAt<Levels, N>(x, w, 1.0f / best.scale());
    if (!(m.gain() > best.gain())) break;
    best = m;
  }
  return best.scale();
}

// value = scale * level - minimum, levels 0 to n, neither scale nor minimum negative.
struct Affine {
  float scale = 0, minimum = 0;
};

LEMMA_INLINE F4 affineLevels(F4 x, Affine a, float n) {
  const float inverse = a.scale > 0 ? 1.0f / a.scale : 0.0f;
  return rounded(clamp((x + splat(a.minimum)) * splat(inverse), 0, n));
}

template <int N>
LEMMA_INLINE float errorAt(const float* x, const float* w, Affine a, float n) {
  F4 error = splat(0.0f);
  for (int i = 0; i < N; i += 4) {
    const F4 v = load(x + i);
    const F4 rest = v + splat(a.minimum) - splat(a.scale) * affineLevels(v, a, n);
    error += load(w + i) * rest * rest;
  }
  return sum(error);
}

// Weighted least squares of scale and minimum for the levels that `a` gives. `anySign`: the minimum may be negative.
template <int N>
LEMMA_INLINE Affine refitted(const float* x, const float* w, Affine a, float n, bool anySign) {
  F4 q1 = splat(0.0f), q2 = q1, xq = q1, x1 = q1, w1 = q1;
  for (int i = 0; i < N; i += 4) {
    const F4 v = load(x + i), weight = load(w + i), q = affineLevels(v, a, n);
    w1 += weight;
    q1 += weight * q;
    q2 += weight * q * q;
    x1 += weight * v;
    xq += weight * v * q;
  }
  const double sw = sum(w1), sq = sum(q1), sqq = sum(q2), sx = sum(x1), sxq = sum(xq);
  const double determinant = sw * sqq - sq * sq;
  if (!(determinant > 1e-9 * sw * sqq)) return a;
  Affine out{float((sw * sxq - sx * sq) / determinant), float((sq * sxq - sqq * sx) / determinant)};
  if (!anySign && out.minimum < 0) out = {sqq > 0 ? float(sxq / sqq) : 0.0f, 0};
  return out.scale > 0 ? out : a;
}

// Scale and minimum of least error for a group: from ranges around the ones that span it, the best, then levels and the
// two in turn.
template <int N>
LEMMA_INLINE Affine bestAffine(const float* x, const float* w, float n, bool anySign) {
  const auto [least, most] = std::minmax_element(x, x + N);
  const float low = anySign ? *least : std::min(*least, 0.0f), high = anySign ? *most : std::max(*most, 0.0f);
  Affine best{0, -low};
  if (!(high - low > 1e-20f)) return best;
  float error = std::numeric_limits<float>::max();
  constexpr int kSteps = 10;
  const float below = n < 8 ? 0.45f : n < 20 ? 0.2f : 0.1f, above = n < 8 ? 0.25f : 0.05f;
  for (int step = -kSteps; step <= kSteps / 2; ++step) {
    const float factor = 1.0f + float(step) / kSteps * (step < 0 ? below : 2 * above);
    const float middle = 0.5f * (low + high), half = 0.5f * (high - low) * factor;
    // Shrunk towards the middle, and towards the lower end.
    for (const float from : {middle - half, low}) {
      const Affine start{2 * half / n, anySign ? -from : std::max(-from, 0.0f)};
      const Affine fit = refitted<N>(x, w, start, n, anySign);
      const float e = errorAt<N>(x, w, fit, n);
      if (e < error) error = e, best = fit;
    }
  }
  for (int turn = 0; turn < 3; ++turn) {
    const Affine fit = refitted<N>(x, w, best, n, anySign);
    const float e = errorAt<N>(x, w, fit, n);
    if (!(e < error)) break;
    error = e;
    best = fit;
  }
  return best;
}

}  // namespace lemma::encode
