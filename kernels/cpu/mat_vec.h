// Up to 8 rows of activations times a weight matrix in the file's own blocks. Included once a target.
// An output is summed in one fixed order: per block an exact integer dot product, scaled and added to the same lane;
// so a row's result depends neither on the rows beside it nor on who computes which outputs.
#include "kernels/cpu/kernel_table.h"

namespace lemma::cpu::LEMMA_CPU_TARGET {

constexpr int kRowsAtOnce = 4;  // weight rows whose scales are read together
constexpr int kAhead = 4096;    // bytes from what is read to what is fetched into cache

// The first four bytes of kLanes blocks.
template <class B>
LEMMA_SIMD I blockStarts(const std::byte* blocks) {
#if defined(__AVX512F__)
  if constexpr (B::kBytes == 20) {  // five dwords a block: eight blocks from two loads
    const auto eight = [](const std::byte* p) __attribute__((always_inline)) {
      const I index = _mm512_set_epi32(0, 0, 0, 0, 0, 0, 0, 0, 31, 26, 21, 16, 15, 10, 5, 0);
      return _mm512_castsi512_si256(_mm512_permutex2var_epi32(iload(p), index, iload(p + 80)));
    };
    return _mm512_inserti64x4(_mm512_castsi256_si512(eight(blocks)), eight(blocks + 160), 1);
  }
#endif
  return gather(blocks, B::kBytes);
}

// Scales (and minima) of `count` blocks, one after another in memory, as floats.
template <class B>
LEMMA_SIMD void readScales(const std::byte* blocks, int64_t count, float* scales, float* minima) {
  const auto put = [&](int64_t i, I starts) __attribute__((always_inline)) {
    fstore(scales + i, lowHalf(starts));
    if constexpr (B::kMinimum) fstore(minima + i, highHalf(starts));
  };
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) put(i, blockStarts<B>(blocks + i * B::kBytes));
  if (i == count) return;
  alignas(64) int32_t starts[kLanes] = {};
  for (int64_t j = 0; i + j < count; ++j) memcpy(starts + j, blocks + (i + j) * B::kBytes, 4);
  put(i, iload(starts));
}

template <class B>
LEMMA_SIMD void loadBlocks(const std::byte* blocks, I& low, I& high) {
  const std::byte* const p = blocks + B::kQuants;
  if constexpr (B::kNibbles) {
    I v;
#if defined(__AVX512F__)
    if constexpr (B::kBytes == 20) {  // whole dwords: two loads and one permutation, nothing read past the blocks
      const I index = _mm512_set_epi32(31, 30, 29, 28, 14, 13, 12, 11, 9, 8, 7, 6, 4, 3, 2, 1);
      v = _mm512_permutex2var_epi32(iload(blocks), index, iload(blocks + 16));
    } else {
      v = loadLanes(p, B::kBytes);
    }
#else
    v = loadLanes(p, B::kBytes);
#endif
    low = lowNibbles(v);
    high = highNibbles(v);
  } else {
#if defined(__AVX512F__)
    const auto two = [](const std::byte* q) {
      const __m256i one = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(q));
      const __m256i next = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(q + B::kBytes));
      return _mm512_inserti64x4(_mm512_castsi256_si512(one), next, 1);
    };
    const I first = two(p), second = two(p + 2 * B::kBytes);
    low = _mm512_shuffle_i64x2(first, second, 0x88);
    high = _mm512_shuffle_i64x2(first, second, 0xdd);
#else
    low = loadLanes(p, B::kBytes);
    high = loadLanes(p + 16, B::kBytes);
#endif
  }
}

template <class B>
LEMMA_SIMD void loadSomeBlocks(const std::byte* blocks, int count, I& low, I& high) {
  const std::byte* const p = blocks + B::kQuants;
  const I v = loadLanesSome(p, B::kBytes, count);
  if constexpr (B::kNibbles) {
    low = lowNibbles(v);
    high = highNibbles(v);
  } else {
    low = v;
    high = loadLanesSome(p + 16, B::kBytes, count);
  }
}

// kRows weight rows times kTokens rows of activations; kStep says which quarter of the scales applies.
template <class B, int kRows, int kTokens>
struct MatVecStep {
  const std::byte* weights[kRows];
  const std::byte* acts[kTokens];
  F scale[kRows][kTokens];
  F sum[kRows][kTokens];

  template <int kStep, bool kWhole>
  [[gnu::always_inline]] inline void group(int32_t firstBlock, int count) {
    const int32_t block = firstBlock + kStep * kGroup;
    const int64_t at = int64_t(block >> 2) * 128 + (block & 3) * 16;
    I low[kRows], high[kRows];
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      const std::byte* const p = weights[r] + int64_t(block) * B::kBytes;
      if constexpr (kWhole) {
        loadBlocks<B>(p, low[r], high[r]);
      } else {
        loadSomeBlocks<B>(p, count - kStep * kGroup, low[r], high[r]);
      }
    }
#pragma GCC unroll 4
    for (int t = 0; t < kTokens; ++t) {
      const I x = iload(acts[t] + at), y = iload(acts[t] + at + 64);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
        I dot;
        if constexpr (B::kNibbles) {
          dot = dotLevel(dotLevel(izero(), low[r], x), high[r], y);
        } else {
          dot = dotSigned(dotSigned(izero(), low[r], x), high[r], y);
        }
        sum[r][t] = fma(toFloat(dot), spread<kStep>(scale[r][t]), sum[r][t]);
      }
    }
  }
};

template <class B, int kRows, int kTokens>
static void matVecTile(const MatVecArgs& a, int64_t n, int row, int token, const float* scales, const float* minima) {
  const ActLayout& layout = *a.layout;
  const int32_t blocks = layout.blocks;
  MatVecStep<B, kRows, kTokens> step;
  const float *actScale[kTokens], *actSum[kTokens];
#pragma GCC unroll 4
  for (int t = 0; t < kTokens; ++t) {
    step.acts[t] = a.acts + (token + t) * a.actStride;
    actScale[t] = reinterpret_cast<const float*>(step.acts[t] + layout.scale);
    actSum[t] = reinterpret_cast<const float*>(step.acts[t] + layout.sum);
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
    step.weights[r] = a.weights + (n + row + r) * int64_t(a.rowBytes);
#pragma GCC unroll 4
    for (int t = 0; t < kTokens; ++t) step.sum[r][t] = fzero();
  }
  // What minima or zero points contribute, and the scales of the next kLanes blocks.
  const auto loadScales = [&](int32_t b, int count) __attribute__((always_inline)) {
#pragma GCC unroll 4
    for (int t = 0; t < kTokens; ++t) {
      const F xs = fload(actScale[t] + b), sums = fload(actSum[t] + b);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
        const int64_t at = int64_t(row + r) * blocks + b;
        const F w = count < kLanes ? firstOf(scales + at, count) : fload(scales + at);
        step.scale[r][t] = fmul(w, xs);
        if constexpr (B::kMinimum) {
          const F m = count < kLanes ? firstOf(minima + at, count) : fload(minima + at);
          step.sum[r][t] = fma(m, sums, step.sum[r][t]);
        } else if constexpr (B::kZero != 0) {
          step.sum[r][t] = fma(w, fmul(sums, fset(float(-B::kZero))), step.sum[r][t]);
        }
      }
    }
  };
  int32_t b = 0;
  for (; b + kLanes <= blocks; b += kLanes) {
    loadScales(b, kLanes);
    step.template group<0, true>(b, 0);
    step.template group<1, true>(b, 0);
    step.template group<2, true>(b, 0);
    step.template group<3, true>(b, 0);
  }
  if (b < blocks) {
    const int count = blocks - b;
    loadScales(b, count);
    const auto tail = [&]<int kStep>() __attribute__((always_inline)) {
      if (count >= (kStep + 1) * kGroup) {
        step.template group<kStep, true>(b, count);
      } else if (count > kStep * kGroup) {
        step.template group<kStep, false>(b, count);
      }
    };
    tail.template operator()<0>();
    tail.template operator()<1>();
    tail.template operator()<2>();
    tail.template operator()<3>();
  }
#pragma GCC unroll 4
  for (int t = 0; t < kTokens; ++t) {
    alignas(16) float out[4];
    const auto sum = [&](int r) { return step.sum[r < kRows ? r : 0][t]; };
    _mm_store_ps(out, sum4(sum(0), sum(1), sum(2), sum(3)));
    float* const to = a.out + (token + t) * a.ldOut + n + row;
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) to[r] = out[r];
  }
}

// `count` of the four rows from n on, whose scales are read, all tokens that go kTokens at a time.
template <class B, int kTokens>
static void matVecRows(const MatVecArgs& a, int64_t n, int count, int& token, const float* scales,
                       const float* minima) {
  constexpr int kRows = kMaxStreams / kTokens < kRowsAtOnce ? kMaxStreams / kTokens : kRowsAtOnce;
  for (; token + kTokens <= a.tokens; token += kTokens) {
    int row = 0;
    for (; row + kRows <= count; row += kRows) matVecTile<B, kRows, kTokens>(a, n, row, token, scales, minima);
    for (; row < count; ++row) matVecTile<B, 1, kTokens>(a, n, row, token, scales, minima);
  }
}

// Scratch: scales and minima of four rows, twice: those of the next four are read before these are multiplied.
template <class B>
static void matVecBlocks(const MatVecArgs& a) {
  const int64_t blocks = a.layout->blocks, packed = blocks * B::kBytes;
  const int64_t room = kRowsAtOnce * blocks + kLanes;
  auto* const buffers = reinterpret_cast<float*>(a.scratch);
  const auto scalesOf = [&](int64_t which) { return buffers + which * 2 * room; };
  const auto read = [&](int64_t n, int64_t which) __attribute__((always_inline)) {
    const int64_t rows = a.n - n < kRowsAtOnce ? a.n - n : kRowsAtOnce;
    if (rows <= 0) return;
    const std::byte* const first = a.weights + n * int64_t(a.rowBytes);
    for (int64_t i = 0; i < rows * packed; i += 64) _mm_prefetch(first + i + kAhead, _MM_HINT_T0);
    float* const scales = scalesOf(which);
    if (int64_t(a.rowBytes) == packed) {
      readScales<B>(first, rows * blocks, scales, scales + room);
    } else {
      for (int64_t r = 0; r < rows; ++r) {
        readScales<B>(first + r * int64_t(a.rowBytes), blocks, scales + r * blocks, scales + room + r * blocks);
      }
    }
  };
  read(0, 0);
  for (int64_t n = 0, which = 0; n < a.n; n += kRowsAtOnce, which ^= 1) {
    read(n + kRowsAtOnce, which ^ 1);
    const int count = int(a.n - n < kRowsAtOnce ? a.n - n : kRowsAtOnce);
    const float* const scales = scalesOf(which);
    int token = 0;
    matVecRows<B, 4>(a, n, count, token, scales, scales + room);
    matVecRows<B, 2>(a, n, count, token, scales, scales + room);
    matVecRows<B, 1>(a, n, count, token, scales, scales + room);
  }
}

template <class V, int kRows, int kTokens>
static void matVecFloatTile(const MatVecArgs& a, int64_t n, int token) {
  F sum[kRows][kTokens];
  const std::byte* w[kRows];
  const float* x[kTokens];
#pragma GCC unroll 4
  for (int t = 0; t < kTokens; ++t) x[t] = reinterpret_cast<const float*>(a.acts + (token + t) * a.actStride);
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
    w[r] = a.weights + (n + r) * int64_t(a.rowBytes);
#pragma GCC unroll 4
    for (int t = 0; t < kTokens; ++t) sum[r][t] = fzero();
  }
  int64_t k = 0;
  for (; k + kLanes <= a.k; k += kLanes) {
    F xs[kTokens];
#pragma GCC unroll 4
    for (int t = 0; t < kTokens; ++t) xs[t] = fload(x[t] + k);
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      const F ws = V::load(w[r] + k * V::kBytes);
      _mm_prefetch(w[r] + k * V::kBytes + kAhead, _MM_HINT_T0);
#pragma GCC unroll 4
      for (int t = 0; t < kTokens; ++t) sum[r][t] = fma(ws, xs[t], sum[r][t]);
    }
  }
  if (k < a.k) {
    for (int r = 0; r < kRows; ++r) {
      const F ws = loadSomeOf<V>(w[r] + k * V::kBytes, a.k - k);
      for (int t = 0; t < kTokens; ++t) sum[r][t] = fma(ws, loadSome(x[t] + k, a.k - k), sum[r][t]);
    }
  }
#pragma GCC unroll 4
  for (int t = 0; t < kTokens; ++t) {
    alignas(16) float out[4];
    const auto of = [&](int r) { return sum[r < kRows ? r : 0][t]; };
    _mm_store_ps(out, sum4(of(0), of(1), of(2), of(3)));
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) a.out[(token + t) * a.ldOut + n + r] = out[r];
  }
}

template <class V, int kTokens>
static void matVecFloatRows(const MatVecArgs& a, int& token) {
  constexpr int kRows = kMaxStreams / kTokens < kRowsAtOnce ? kMaxStreams / kTokens : kRowsAtOnce;
  for (; token + kTokens <= a.tokens; token += kTokens) {
    int64_t n = 0;
    for (; n + kRows <= a.n; n += kRows) matVecFloatTile<V, kRows, kTokens>(a, n, token);
    for (; n < a.n; ++n) matVecFloatTile<V, 1, kTokens>(a, n, token);
  }
}

template <class V>
static void matVecValues(const MatVecArgs& a) {
  int token = 0;
  matVecFloatRows<V, 4>(a, token);
  matVecFloatRows<V, 2>(a, token);
  matVecFloatRows<V, 1>(a, token);
}

}  // namespace lemma::cpu::LEMMA_CPU_TARGET
