// IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS and IQ3_S: value = factor * multiple of the group * value of the point * sign.
#include <array>
#include <vector>

#include "kernels/encode/encode.h"
#include "kernels/encode/fit.h"
#include "kernels/quant/iq2_s.h"
#include "kernels/quant/iq2_xs.h"
#include "kernels/quant/iq2_xxs.h"
#include "kernels/quant/iq3_s.h"
#include "kernels/quant/iq3_xxs.h"

namespace lemma::encode {
namespace {

constexpr int kBlock = 256;

// What sets the formats apart: their grid, what levels are worth, groups, multiples of group codes 0 to 15, signs.
struct Eights {
  static constexpr int kPoint = 8, kLevels = 3;
  static int level(uint16_t point, int k) { return levelOfEight(point, k); }
  static float value(int level) { return float(iq2Value(level)); }
  static int nearest(float v) { return int(v > 16.5f) + int(v > 34.0f); }
  static constexpr float kLargest = 43;
  static float multiple(int code) { return (0.5f + float(code)) * 0.25f; }
  static int code(float multiple) { return clampToInt(rounded(multiple * 4 - 0.5f), 0, 15); }
};
struct BookIQ2_XXS : Eights {
  static constexpr auto& kGrid = kGridIQ2_XXS;
  static constexpr int kGroup = 32;
  static constexpr bool kEvenSigns = true;
};
struct BookIQ2_XS : Eights {
  static constexpr auto& kGrid = kGridIQ2_XS;
  static constexpr int kGroup = 16;
  static constexpr bool kEvenSigns = true;
};
struct BookIQ2_S : Eights {
  static constexpr auto& kGrid = kGridIQ2_S;
  static constexpr int kGroup = 16;
  static constexpr bool kEvenSigns = false;
};
struct BookIQ3_XXS {
  static constexpr auto& kGrid = kGridIQ3_XXS;
  static constexpr int kPoint = 4, kLevels = 8, kGroup = 32;
  static constexpr bool kEvenSigns = true;
  static int level(uint16_t point, int k) { return levelOfFour(point, k); }
  static float value(int level) { return float(iq3XxsValue(level)); }
  static int nearest(float v) { return v > 57.0f ? 7 : clampToInt((v - 4.0f) * 0.125f + 0.5f, 0, 6); }
  static constexpr float kLargest = 62;
  static float multiple(int code) { return (0.5f + float(code)) * 0.5f; }
  static int code(float multiple) { return clampToInt(rounded(multiple * 2 - 0.5f), 0, 15); }
};
struct BookIQ3_S {
  static constexpr auto& kGrid = kGridIQ3_S;
  static constexpr int kPoint = 4, kLevels = 8, kGroup = 32;
  static constexpr bool kEvenSigns = false;
  static int level(uint16_t point, int k) { return levelOfFour(point, k); }
  static float value(int level) { return float(iq3SValue(level)); }
  static int nearest(float v) { return clampToInt((v - 1.0f) * 0.5f + 0.5f, 0, 7); }
  static constexpr float kLargest = 15;
  static float multiple(int code) { return float(1 + 2 * code); }
  static int code(float multiple) { return clampToInt(rounded((multiple - 1) * 0.5f), 0, 15); }
};

// The points of a book as numbers, and for every combination of levels the points that may be the best for values next
// to it: the point itself where it is in the book, for then no other is nearer whatever the weights; else its nearest.
template <class B>
class Book {
 public:
  static constexpr int kPoints = int(std::size(B::kGrid));
  static constexpr int kNear = 24;

  static const Book& get() {
    static const Book book;
    return book;
  }
  const float* point(int p) const { return values_.data() + p * B::kPoint; }

  // The point of least error for values x (none need be positive) and weights w at a scale.
  int nearest(const float* x, const float* w, float scale) const {
    const float inverse = 1.0f / scale;
    int combination = 0;
    for (int k = B::kPoint - 1; k >= 0; --k) combination = combination * B::kLevels + B::nearest(x[k] * inverse);
    const uint16_t* near = near_.data() + combination * kNear;
    if (near[1] == near[0]) return near[0];
    F4 weight[B::kPoint / 4], twice[B::kPoint / 4];  // error = w g^2 - 2 w (x / scale) g, but for a constant
    for (int k = 0; k < B::kPoint; k += 4) {
      weight[k / 4] = load(w + k);
      twice[k / 4] = load(w + k) * load(x + k) * splat(2.0f * inverse);
    }
    int best = near[0];
    float least = std::numeric_limits<float>::max();
    for (int i = 0; i < kNear; ++i) {
      const float* g = point(near[i]);
      F4 error = splat(0.0f);
      for (int k = 0; k < B::kPoint; k += 4) {
        const F4 v = load(g + k);
        error += (weight[k / 4] * v - twice[k / 4]) * v;
      }
      if (const float e = sum(error); e < least) least = e, best = near[i];
    }
    return best;
  }

 private:
  Book() {
    values_.resize(size_t(kPoints) * B::kPoint);
    for (int p = 0; p < kPoints; ++p) {
      for (int k = 0; k < B::kPoint; ++k) {
        values_[size_t(p * B::kPoint + k)] = B::value(B::level(B::kGrid[p], k));
      }
    }
    int combinations = 1;
    for (int k = 0; k < B::kPoint; ++k) combinations *= B::kLevels;
    near_.resize(size_t(combinations) * kNear);
    std::vector<std::pair<float, uint16_t>> order(kPoints);
    for (int c = 0; c < combinations; ++c) {
      float at[B::kPoint];
      for (int k = 0, rest = c; k < B::kPoint; ++k, rest /= B::kLevels) at[k] = B::value(rest % B::kLevels);
      for (int p = 0; p < kPoints; ++p) {
        float distance = 0;
        for (int k = 0; k < B::kPoint; ++k) distance += (at[k] - point(p)[k]) * (at[k] - point(p)[k]);
        order[size_t(p)] = {distance, uint16_t(p)};
      }
      std::partial_sort(order.begin(), order.begin() + kNear, order.end());
      for (int i = 0; i < kNear; ++i) {
        near_[size_t(c * kNear + i)] = order[order[0].first == 0 ? 0 : size_t(i)].second;
      }
    }
  }

  std::vector<float> values_;
  std::vector<uint16_t> near_;
};

template <class B>
struct Fitted {
  static constexpr int kGroups = kBlock / B::kGroup;
  static constexpr int kPointsOfGroup = B::kGroup / B::kPoint;
  Values<kBlock> v;  // magnitudes; negative where a sign had to be turned
  Half factor{};
  int codes[kGroups] = {};
  int points[kBlock / B::kPoint] = {};
  uint8_t signs[kBlock / 8] = {};  // bit k of byte j: value 8j + k is negative

  Fitted(const float* in, const float* importance) : v(in, importance) {
    if (v.zero) return;
    takeSigns();
    float d = initial();
    if (!(d > 0)) return;
    float error = total(d);
    for (int turn = 0; turn < 2; ++turn) {
      error = improveCodes(d);
      const float next = v.asHalf(bestFactor(d));
      if (!(next > 0)) break;
      const float nextError = total(next);
      if (!(nextError < error)) break;
      d = next;
      error = nextError;
    }
    factor = v.half(d);
    for (int g = 0; g < kGroups; ++g) choose(g, d * B::multiple(codes[g]), points + g * kPointsOfGroup);
  }

 private:
  // Where the number of minus signs must be even and is not, the value that costs least is turned.
  void takeSigns() {
    for (int j = 0; j < kBlock / 8; ++j) {
      float* x = v.x + 8 * j;
      const float* w = v.w + 8 * j;
      float mean = 0;
      for (int k = 0; k < 8; ++k) {
        if (x[k] < 0) {
          signs[j] |= uint8_t(1 << k);
          x[k] = -x[k];
        }
        mean += x[k] / 8;
      }
      if (!B::kEvenSigns || !__builtin_parity(signs[j])) continue;
      int cheapest = 0;
      const auto cost = [&](int k) { return w[k] * x[k] * (x[k] + mean); };
      for (int k = 1; k < 8; ++k) {
        if (cost(k) < cost(cheapest)) cheapest = k;
      }
      x[cheapest] = -x[cheapest];
      signs[j] ^= uint8_t(1 << cheapest);
    }
  }

  void choose(int g, float scale, int* chosen) const {
    for (int p = 0; p < kPointsOfGroup; ++p) {
      const int at = g * B::kGroup + p * B::kPoint;
      chosen[p] = Book<B>::get().nearest(v.x + at, v.w + at, scale);
    }
  }
  Moments momentsOf(int g, const int* chosen) const {
    F4 xq = splat(0.0f), qq = splat(0.0f);
    for (int p = 0; p < kPointsOfGroup; ++p) {
      const int at = g * B::kGroup + p * B::kPoint;
      const float* values = Book<B>::get().point(chosen[p]);
      for (int k = 0; k < B::kPoint; k += 4) {
        const F4 q = load(values + k), weighted = load(v.w + at + k) * q;
        xq += weighted * load(v.x + at + k);
        qq += weighted * q;
      }
    }
    return {sum(xq), sum(qq)};
  }
  Moments momentsAt(int g, float scale) const {
    int chosen[kPointsOfGroup];
    choose(g, scale, chosen);
    return momentsOf(g, chosen);
  }
  // But for the sum of w * x^2, which is the same for every scale.
  float errorOf(int g, float scale) const {
    const Moments m = momentsAt(g, scale);
    return scale * (scale * m.qq - 2 * m.xq);
  }
  float total(float d) const {
    float error = 0;
    for (int g = 0; g < kGroups; ++g) error += errorOf(g, d * B::multiple(codes[g]));
    return error;
  }

  float bestScaleOf(int g) const {
    float largest = 0;
    for (int i = g * B::kGroup; i < (g + 1) * B::kGroup; ++i) largest = std::max(largest, std::fabs(v.x[i]));
    if (largest < 1e-20f) return 0;
    Moments best;
    for (float share = 0.5f; share < 1.25f; share += 0.05f) {
      const Moments m = momentsAt(g, largest * share / B::kLargest);
      if (m.xq > 0 && m.gain() > best.gain()) best = m;
    }
    for (int turn = 0; turn < 3 && best.xq > 0; ++turn) {
      const Moments m = momentsAt(g, best.scale());
      if (!(m.xq > 0 && m.gain() > best.gain())) break;
      best = m;
    }
    return best.scale();
  }

  float initial() {
    float scales[kGroups], largest = 0;
    for (int g = 0; g < kGroups; ++g) {
      scales[g] = bestScaleOf(g);
      largest = std::max(largest, scales[g]);
    }
    const float d = v.asHalf(largest / B::multiple(15));
    for (int g = 0; g < kGroups; ++g) codes[g] = d > 0 ? B::code(scales[g] / d) : 0;
    return d;
  }
  float improveCodes(float d) {
    float error = 0;
    for (int g = 0; g < kGroups; ++g) {
      const int middle = codes[g];
      float least = errorOf(g, d * B::multiple(middle));
      for (const int c : {middle - 1, middle + 1}) {
        if (c < 0 || c > 15) continue;
        const float e = errorOf(g, d * B::multiple(c));
        if (e < least) least = e, codes[g] = c;
      }
      error += least;
    }
    return error;
  }
  float bestFactor(float d) const {
    float xq = 0, qq = 0;
    for (int g = 0; g < kGroups; ++g) {
      const float multiple = B::multiple(codes[g]);
      const Moments m = momentsAt(g, d * multiple);
      xq += multiple * m.xq;
      qq += multiple * multiple * m.qq;
    }
    return qq > 0 ? xq / qq : d;
  }
};

template <class Format, class B, class Pack>
void eachBlock(const float* in, const float* importance, std::byte* blocks, int64_t n, const Pack& pack) {
  auto* b = reinterpret_cast<typename Format::Block*>(blocks);
  for (int64_t i = 0; i < n; i += kBlock, ++b) {
    *b = {};
    const Fitted<B> fit(in + i, importance ? importance + i : nullptr);
    b->scale = fit.factor;
    pack(fit, *b);
  }
}

// 28 bits of signs and 4 of the scale.
template <class Fit>
uint32_t signsAndCode(const Fit& fit, int group) {
  uint32_t bits = uint32_t(fit.codes[group]) << 28;
  for (int part = 0; part < 4; ++part) bits |= uint32_t(fit.signs[4 * group + part] & 127) << (7 * part);
  return bits;
}

}  // namespace

void iq2_xxs(const float* in, const float* importance, std::byte* blocks, int64_t n) {
  eachBlock<IQ2_XXS, BookIQ2_XXS>(in, importance, blocks, n, [](const auto& fit, IQ2_XXS::Block& b) {
    for (int g = 0; g < 8; ++g) {
      for (int part = 0; part < 4; ++part) b.groups[8 * g + part] = uint8_t(fit.points[4 * g + part]);
      const uint32_t rest = signsAndCode(fit, g);
      std::memcpy(b.groups + 8 * g + 4, &rest, sizeof rest);
    }
  });
}

void iq2_xs(const float* in, const float* importance, std::byte* blocks, int64_t n) {
  eachBlock<IQ2_XS, BookIQ2_XS>(in, importance, blocks, n, [](const auto& fit, IQ2_XS::Block& b) {
    for (int j = 0; j < kBlock / 8; ++j) {
      const auto q = uint16_t(fit.points[j] | (fit.signs[j] & 127) << 9);
      std::memcpy(b.q + 2 * j, &q, sizeof q);
    }
    for (int g = 0; g < 16; ++g) b.scales[g / 2] |= uint8_t(fit.codes[g] << (g % 2 * 4));
  });
}

void iq2_s(const float* in, const float* importance, std::byte* blocks, int64_t n) {
  eachBlock<IQ2_S, BookIQ2_S>(in, importance, blocks, n, [](const auto& fit, IQ2_S::Block& b) {
    for (int j = 0; j < kBlock / 8; ++j) {
      b.low[j] = uint8_t(fit.points[j] & 255);
      b.high[j / 4] |= uint8_t((fit.points[j] >> 8) << (j % 4 * 2));
      b.signs[j] = fit.signs[j];
    }
    for (int g = 0; g < 16; ++g) b.scales[g / 2] |= uint8_t(fit.codes[g] << (g % 2 * 4));
  });
}

void iq3_xxs(const float* in, const float* importance, std::byte* blocks, int64_t n) {
  eachBlock<IQ3_XXS, BookIQ3_XXS>(in, importance, blocks, n, [](const auto& fit, IQ3_XXS::Block& b) {
    for (int j = 0; j < kBlock / 4; ++j) b.points[j] = uint8_t(fit.points[j]);
    for (int g = 0; g < 8; ++g) {
      const uint32_t group = signsAndCode(fit, g);
      std::memcpy(b.groups + 4 * g, &group, sizeof group);
    }
  });
}

void iq3_s(const float* in, const float* importance, std::byte* blocks, int64_t n) {
  eachBlock<IQ3_S, BookIQ3_S>(in, importance, blocks, n, [](const auto& fit, IQ3_S::Block& b) {
    for (int j = 0; j < kBlock / 4; ++j) {
      b.low[j] = uint8_t(fit.points[j] & 255);
      b.high[j / 8] |= uint8_t((fit.points[j] >> 8) << (j % 8));
    }
    for (int j = 0; j < kBlock / 8; ++j) b.signs[j] = fit.signs[j];
    for (int g = 0; g < 8; ++g) b.scales[g / 2] |= uint8_t(fit.codes[g] << (g % 2 * 4));
  });
}

}  // namespace lemma::encode
