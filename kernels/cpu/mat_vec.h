// Up to 8 rows of activations times a matrix of floats (F32, F16, BF16, F8_E4M3). Included once a target.
// An output is summed in one fixed order, so a row's result depends neither on the rows beside it nor on who computes
// which outputs.
#include "kernels/cpu/kernel_table.h"

namespace lemma::cpu::LEMMA_CPU_TARGET {

constexpr int kRowsAtOnce = 4;  // weight rows that are multiplied together
constexpr int kAhead = 4096;    // bytes from what is read to what is fetched into cache

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
  // The products of the values from k on, as far as whole vectors go before `end`.
  int64_t k = 0;
  const auto multiply = [&](int64_t end, F(&to)[kRows][kTokens]) __attribute__((always_inline)) {
    for (; k + kLanes <= end; k += kLanes) {
      F xs[kTokens];
#pragma GCC unroll 4
      for (int t = 0; t < kTokens; ++t) xs[t] = fload(x[t] + k);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
        const F ws = V::load(w[r] + k * V::kBytes);
        __builtin_prefetch(w[r] + k * V::kBytes + kAhead, 0, 3);
#pragma GCC unroll 4
        for (int t = 0; t < kTokens; ++t) to[r][t] = fma(ws, xs[t], to[r][t]);
      }
    }
    if (k == end || end < a.k) return;
    for (int r = 0; r < kRows; ++r) {
      const F ws = loadSomeOf<V>(w[r] + k * V::kBytes, a.k - k);
      for (int t = 0; t < kTokens; ++t) to[r][t] = fma(ws, loadSome(x[t] + k, a.k - k), to[r][t]);
    }
    k = a.k;
  };
  if constexpr (V::kFactors) {
    const int64_t step = a.factors.values ? a.factors.in : a.k;
    for (int64_t block = 0; k < a.k; ++block) {
      F part[kRows][kTokens] = {};
      multiply(k + step < a.k ? k + step : a.k, part);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
        const F factor = fset(V::kUnit * (a.factors.values ? a.factors.at(n + r, block) : 1.0f));
#pragma GCC unroll 4
        for (int t = 0; t < kTokens; ++t) sum[r][t] = fma(part[r][t], factor, sum[r][t]);
      }
    }
  } else {
    multiply(a.k, sum);
  }
#pragma GCC unroll 4
  for (int t = 0; t < kTokens; ++t) {
    alignas(16) float out[4];
    const auto of = [&](int r) { return sum[r < kRows ? r : 0][t]; };
    store4(out, sum4(of(0), of(1), of(2), of(3)));
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) a.out[(token + t) * a.ldOut + n + r] = out[r];
  }
}

template <class V, int kTokens>
static void matVecFloatRows(const MatVecArgs& a, int& token) {
  // For one row of activations memory is read strictly in order, which gives most of it.
  constexpr int kMost = kMaxStreams / kTokens < kRowsAtOnce ? kMaxStreams / kTokens : kRowsAtOnce;
  constexpr int kRows = kTokens == 1 ? 1 : kMost;
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
