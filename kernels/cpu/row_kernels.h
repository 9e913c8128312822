// Kernels over single rows: norm, quantisation, rope, SiLU gate, exponentials. Included after a simd_*.h, once a
// target. An element's result does not depend on where in a vector it lies. Pure functions, any thread.
#include "kernels/cpu/kernel_table.h"

namespace lemma::cpu::LEMMA_CPU_TARGET {

// The first n (< kLanes) floats of p, zero behind them.
LEMMA_SIMD F loadSome(const float* p, int64_t n) {
  alignas(64) float buffer[kLanes] = {};
  for (int64_t i = 0; i < n; ++i) buffer[i] = p[i];
  return fload(buffer);
}
LEMMA_SIMD void storeSome(float* p, F v, int64_t n) {
  alignas(64) float buffer[kLanes];
  fstore(buffer, v);
  for (int64_t i = 0; i < n; ++i) p[i] = buffer[i];
}

// e^x to about 1e-7 of itself; 0 below -87.3, the largest power that fits above 88, NaN where x is one.
// x = n ln 2 + r, |r| <= ln 2 / 2; e^r by its series to r^7 / 7!.
LEMMA_SIMD F expOf(F x) {
  const F bounded = fmin(fset(88.0f), fmax(fset(-87.3f), x));  // of a NaN both give the second
  const I n = toInt(fmul(bounded, fset(1.44269504f)));
  const F whole = toFloat(n);
  F r = fma(whole, fset(-0.693145752f), bounded);  // ln 2 in two parts, the first exact in few bits
  r = fma(whole, fset(-1.42860677e-6f), r);
  F p = fset(1.0f / 5040);
  p = fma(p, r, fset(1.0f / 720));
  p = fma(p, r, fset(1.0f / 120));
  p = fma(p, r, fset(1.0f / 24));
  p = fma(p, r, fset(1.0f / 6));
  p = fma(p, r, fset(0.5f));
  p = fma(p, r, fset(1.0f));
  p = fma(p, r, fset(1.0f));
  return zeroBelow(fmul(p, exponent(n)), x, -87.3f);
}

LEMMA_SIMD float expOf(float x) {
  alignas(64) float out[kLanes];
  fstore(out, expOf(fset(x)));
  return out[0];
}

#if !defined(LEMMA_HAS_POWER_OF_TWO)
LEMMA_SIMD F powerOfTwo(F x) { return expOf(fmul(x, fset(0.693147181f))); }
#endif

LEMMA_SIMD float sumOf(F v) { return first4(sum4(v, v, v, v)); }

static void rmsNorm(const float* in, const float* weight, float eps, int64_t n, float* out) {
  F sum[4] = {fzero(), fzero(), fzero(), fzero()};
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    for (int j = 0; j < 4; ++j) {
      const F x = fload(in + i + j * kLanes);
      sum[j] = fma(x, x, sum[j]);
    }
  }
  for (; i < n; i += kLanes) {
    const F x = n - i >= kLanes ? fload(in + i) : loadSome(in + i, n - i);
    sum[0] = fma(x, x, sum[0]);
  }
  const float mean = sumOf(fadd(fadd(sum[0], sum[1]), fadd(sum[2], sum[3]))) / float(n);
  const float scale = 1.0f / first4(root4(one4(mean + eps)));
  for (i = 0; i + kLanes <= n; i += kLanes) {
    fstore(out + i, fmul(fmul(fload(in + i), fset(scale)), fload(weight + i)));
  }
  for (; i < n; ++i) out[i] = in[i] * scale * weight[i];
}

static void quantize(const float* in, int32_t firstBlock, int32_t blocks, const ActLayout& layout, std::byte* row) {
  constexpr int kVecs = 32 / kLanes;
  auto* scales = reinterpret_cast<float*>(row + layout.scale);
  auto* sums = reinterpret_cast<float*>(row + layout.sum);
  auto* starts = reinterpret_cast<int32_t*>(row + layout.start);
  auto* halfSums = reinterpret_cast<float*>(row + layout.halfSum);
  auto* halfStarts = reinterpret_cast<int32_t*>(row + layout.halfStart);
  for (int32_t b = firstBlock; b < firstBlock + blocks; ++b, in += 32) {
    F v[kVecs];
    F largest = fzero();
    for (int i = 0; i < kVecs; ++i) {
      v[i] = fload(in + i * kLanes);
      largest = maxBits(largest, fabs(v[i]));
    }
    const float scale = hmaxBits(largest) / 127.0f;
    const float inverse = scale > 1e-30f ? 1.0f / scale : 0.0f;
    for (int i = 0; i < kVecs; ++i) v[i] = fmul(v[i], fset(inverse));
    std::byte* const bytes = row + (b >> 2) * 128 + (b & 3) * 16;
    int32_t sum[2];
    storeBytes(v, bytes, bytes + 64, sum);
    scales[b] = scale;
    const auto put = [&](int32_t s, float* to, int32_t* start) __attribute__((always_inline)) {
      *to = scale * float(s);
      *start = int32_t(uint32_t(s) * uint32_t(-128));
    };
    put(int32_t(uint32_t(sum[0]) + uint32_t(sum[1])), sums + b, starts + b);
    for (int h = 0; h < 2; ++h) put(sum[h], halfSums + h * layout.padded + b, halfStarts + h * layout.padded + b);
  }
  if (firstBlock + blocks == layout.blocks) {  // the memory may have held rows of another width
    for (int32_t b = layout.blocks; b < layout.padded; ++b) {
      scales[b] = sums[b] = halfSums[b] = halfSums[layout.padded + b] = 0;
    }
  }
}

static void rope(float* __restrict x, const float* __restrict cosine, const float* __restrict sine, int half,
                 bool interleaved) {
  const int apart = interleaved ? 1 : half;
  if (interleaved) {
    for (int i = 0; i < half; ++i) {
      const float a = x[2 * i], b = x[2 * i + apart];
      x[2 * i] = a * cosine[i] - b * sine[i];
      x[2 * i + 1] = a * sine[i] + b * cosine[i];
    }
  } else {
    for (int i = 0; i < half; ++i) {
      const float a = x[i], b = x[i + apart];
      x[i] = a * cosine[i] - b * sine[i];
      x[i + apart] = a * sine[i] + b * cosine[i];
    }
  }
}

// g * sigmoid(x)
LEMMA_SIMD F timesSigmoid(F g, F x) { return fdiv(g, fadd(fset(1.0f), expOf(fsub(fzero(), x)))); }

// The gates of lemma::Gate, in its order.
struct Silu {
  LEMMA_SIMD F of(F g, F u) { return fmul(timesSigmoid(g, g), u); }
};
struct GeluTanh {
  LEMMA_SIMD F of(F g, F u) {  // (1 + tanh(z)) / 2 = sigmoid(2 z)
    const F inner = fma(fmul(fmul(g, g), g), fset(0.044715f), g);
    return fmul(timesSigmoid(g, fmul(inner, fset(2 * 0.79788456f))), u);
  }
};
struct ClampedSwish {
  LEMMA_SIMD F of(F g, F u) {
    const F bounded = fmin(g, fset(7.0f));
    const F value = fmin(fmax(u, fset(-7.0f)), fset(7.0f));
    return fmul(timesSigmoid(bounded, fmul(bounded, fset(1.702f))), fadd(value, fset(1.0f)));
  }
};
struct Sigmoid {
  LEMMA_SIMD F of(F g, F u) { return timesSigmoid(u, g); }
};

template <class G>
static void glu(const float* gate, const float* up, int64_t n, float* out) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) fstore(out + i, G::of(fload(gate + i), fload(up + i)));
  if (i < n) storeSome(out + i, G::of(loadSome(gate + i, n - i), loadSome(up + i, n - i)), n - i);
}

static void add(const float* a, const float* b, int64_t n, float* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = a[i] + b[i];
}

#if defined(LEMMA_HAS_TO_HALF)
static void toHalf(const float* in, int64_t n, std::byte* out) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) storeHalf(out + 2 * i, fload(in + i));
  if (i == n) return;
  alignas(64) std::byte buffer[2 * kLanes];
  storeHalf(buffer, loadSome(in + i, n - i));
  for (int64_t j = 0; j < 2 * (n - i); ++j) out[2 * i + j] = buffer[j];
}
#endif

}  // namespace lemma::cpu::LEMMA_CPU_TARGET
